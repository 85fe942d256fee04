"""The same stored groups as the first implementation had: the same objects come of them, of every kind.

What may differ is a named row of docs/compatibility.md; the rules are those of the golden tests
(tests/lib/recorded_rules.c). See ../shared/recorded/README.md for what a case is."""

import fnmatch
import json
import os
import re
import threading

import harness
import kube
from harness import cases
from kube import wait
from manager import EXEMPT

# The group's hashed labels are made of the namespace, so it has to be this one, for all cases. It is
# exempt from the webhooks: the first implementation stored no defaults.
NAMESPACE = "rec"
FOLDER = os.environ.get("RBG_RECORDED") or os.path.join(kube.ROOT, "..", "shared", "recorded", "cases")
CASES = ["01-standalone", "02-leader-worker", "03-leader-worker-all-service", "04-custom-components",
         "05-role-templates", "15-hash-corners", "16-inplace-scheduling"]
CHILDREN = ["RoleInstanceSet", "RoleInstance", "Pod", "Service", "ConfigMap", "ControllerRevision"]
IDENTITY = ["rbg.workloads.x-k8s.io/role-instance-index", "statefulset.kubernetes.io/pod-name"]
OWN = {"workloads.x-k8s.io/v1alpha2"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
# The account's token, as every pod gets it; left out of the recordings.
TOKEN = "kube-api-access-"
# Copied from the node by API servers of today.
FROM_THE_NODE = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"]

# What only a running controller shows, so that the golden tests have no use for it: rows of
# docs/compatibility.md, and what of which objects of which case and step they decide.
LIVE = [
    ("identity-labels", "*", "Pod/*", "/metadata/labels/rbg.workloads.x-k8s.io~1role-instance-index"),
    ("identity-labels", "*", "Pod/*", "/metadata/labels/statefulset.kubernetes.io~1pod-name"),
    ("available-replicas", "01-*/*", "RoleInstanceSet/web-worker", "/status/availableReplicas"),
    # There, for want of a port, the workers never came and so no rollout ever started.
    ("discovery-ports", "04-*/*", "Pod/cc-serve-?-worker-?", ""),
    ("discovery-ports", "04-*/2", "RoleInstance/cc-serve-?", "/metadata/annotations/rbg.workloads.x-k8s.io~1inplace-update-state"),
    ("discovery-ports", "04-*/2", "RoleInstance/cc-serve-?", "/metadata/labels/controller-revision-hash"),
    ("discovery-ports", "04-*/2", "RoleInstance/cc-serve-?", "/spec/components/1/template/spec/containers/0/image"),
    ("discovery-ports", "04-*/2", "RoleInstance/cc-serve-?", "/spec/readinessGates"),
    ("discovery-ports", "04-*/2", "Pod/cc-serve-?-*", "/metadata/labels/controller-revision-hash"),
    ("discovery-ports", "04-*/2", "ControllerRevision/cc-serve-?-*", ""),
    ("discovery-ports", "04-*/*", "Role*/cc*", "/status/*"),
]

namespace_lock = threading.Lock()


def shared_namespace(case):
    with namespace_lock:
        if NAMESPACE not in case.run.common.namespaces:
            case.run.common.namespace(NAMESPACE, {EXEMPT: "true"})
            for node in case.api.request("GET", "/api/v1/nodes")["items"]:  # case 01 asks for one
                more = {"nvidia.com/gpu": "8"}
                case.api.request("PATCH", f"/api/v1/nodes/{node['metadata']['name']}/status",
                                 {"status": {"capacity": more, "allocatable": more}}, "application/merge-patch+json")


def read(case, name, file):
    with open(os.path.join(FOLDER, name, file), encoding="utf-8") as f:
        return case.run.tool("json", stdin=f.read())


def stored(case, name, step):
    """The group as it was stored, without what the server gives it."""
    for d in read(case, name, f"out-{step}.yaml"):
        if d["kind"] == "RoleBasedGroup" and d["apiVersion"] == "workloads.x-k8s.io/v1alpha2":
            meta = {k: d["metadata"][k] for k in ("name", "labels", "annotations") if k in d["metadata"]}
            return {"apiVersion": d["apiVersion"], "kind": d["kind"], "metadata": meta, "spec": d["spec"]}
    raise AssertionError(f"{name}: out-{step}.yaml has no group")


def family(case, group):
    """The group and all that it owns, directly or not."""
    root = case.api.get("RoleBasedGroup", NAMESPACE, group)
    found, owners = [root], {root["metadata"]["uid"]}
    for kind in CHILDREN:
        for o in case.api.list(kind, NAMESPACE):
            if {r["uid"] for r in o["metadata"].get("ownerReferences", [])} & owners:
                owners.add(o["metadata"]["uid"])
                prefix, plural = kube.RESOURCES[kind]
                found.append({"apiVersion": prefix.removeprefix("/apis/").removeprefix("/api/"), "kind": kind, **o})
    return found


def nobody_leaves(case, group):
    """A pod on its way out keeps a rollout waiting, and everything is quiet meanwhile. Its instance may be gone already."""
    pods = case.api.list("Pod", NAMESPACE, f"rbg.workloads.x-k8s.io/group-name={group}")
    leaving = [p["metadata"]["name"] for p in pods if "deletionTimestamp" in p["metadata"]]
    assert not leaving, f"{', '.join(leaving)} is being deleted"


def settled(case, group, seconds=90):
    """The group and what it owns: it is ready, and for two seconds no object of it has changed."""
    def versions(objects):
        return sorted((o["metadata"]["uid"], o["metadata"]["resourceVersion"]) for o in objects)

    def quiet():
        before = family(case, group)
        harness.is_ready(before[0])
        nobody_leaves(case, group)
        if harness.changes_within(2, lambda: versions(family(case, group)) != versions(before)):
            return None
        now = family(case, group)  # on a slow machine the last look may have been a while ago
        return now if versions(now) == versions(before) else None
    return wait(quiet, seconds, f"group {group} has settled")


def drop_what_the_cluster_gives(o):
    if o["kind"] == "Service":
        o["spec"].pop("clusterIPs", None)
    if o["kind"] != "Pod":
        return
    for label in FROM_THE_NODE:
        o["metadata"]["labels"].pop(label, None)
    spec = o["spec"]
    spec.pop("nodeName", None)
    spec["volumes"] = [v for v in spec.get("volumes", []) if not v["name"].startswith(TOKEN)]
    for c in spec.get("containers", []) + spec.get("initContainers", []):
        c["volumeMounts"] = [m for m in c.get("volumeMounts", []) if not m["name"].startswith(TOKEN)]


def owner(o, kind):
    for r in o["metadata"].get("ownerReferences", []):
        if r["kind"] == kind:
            return r["name"]
    return None


def rename(text, pairs):
    for ours, theirs in pairs:
        text = text.replace(ours, theirs)
    return text


def adopt_random_names(ours, theirs):
    """Stateless instances have random names: ours get those of the recording, in order."""
    def names(objects):
        return sorted(o["metadata"]["name"] for o in objects if o["kind"] == "RoleInstance")
    mine, recorded = names(ours), names(theirs)
    if len(mine) != len(recorded):
        return ours
    return json.loads(rename(json.dumps(ours), [p for p in zip(mine, recorded) if p[0] != p[1]]))


def without_identity(data):
    data = json.loads(data) if isinstance(data, str) else data
    for component in data.get("spec", {}).get("components", []):
        for label in IDENTITY:
            component.get("template", {}).get("metadata", {}).get("labels", {}).pop(label, None)
    return data


def adopt_revisions(ours, theirs):
    """Rule identity-labels: the recorded instances of one pass share the labels of one of them, so their
    revisions' data and hashes differ from ours by that. Those that differ by nothing else get the
    recorded data and hash; any other difference stays one."""
    def revisions(objects):
        return {(owner(o, "RoleInstance"), o["revision"]): o for o in objects
                if o["kind"] == "ControllerRevision" and owner(o, "RoleInstance")}
    mine, recorded, pairs = revisions(ours), revisions(theirs), []
    for key in set(mine) & set(recorded):
        a, b = mine[key], recorded[key]
        if without_identity(a["data"]) == without_identity(b["data"]):
            a["data"] = json.loads(b["data"])
            pairs.append((a["metadata"]["labels"]["controller.kubernetes.io/hash"],
                          b["metadata"]["labels"]["controller.kubernetes.io/hash"]))
    return json.loads(rename(json.dumps(ours), pairs))


def without_ids(text):
    """Each runtime numbers images in its own way; that there is a number is compared."""
    return re.sub(r'("imageID": ?)"[^"]+"', r'\1"ID"', text)


def adopt_times(ours, theirs):
    """Annotations that differ only by a time, or by how a runtime numbers images, get the recorded one."""
    def plain(text):
        return without_ids(re.sub(TIME, "", text))
    recorded = {(o["kind"], o["metadata"]["name"]): o["metadata"].get("annotations", {}) for o in theirs}
    for o in ours:
        annotations = o["metadata"].get("annotations", {})
        for key, value in recorded.get((o["kind"], o["metadata"]["name"]), {}).items():
            if key in annotations and plain(annotations[key]) == plain(value):
                annotations[key] = value
    return ours


def decided(difference, scope):
    if difference["rule"]:
        return True
    with open(os.path.join(kube.ROOT, "docs", "compatibility.md"), encoding="utf-8") as f:
        rows = re.findall(r"^\| (\S+) \|", f.read(), re.M)
    return any(rule in rows and fnmatch.fnmatchcase(scope, where) and fnmatch.fnmatchcase(difference["object"], what)
               and fnmatch.fnmatchcase(difference["path"], path) for rule, where, what, path in LIVE)


def status_of(o):
    """What a status says, without times, generations and words: counts, revisions, and which conditions hold."""
    status = o.get("status", {})
    said = {k: v for k, v in status.items() if k not in ("conditions", "observedGeneration")}
    said["conditions"] = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return json.loads(without_ids(json.dumps(said)))


def status_differences(ours, theirs):
    """Each member of a recorded status is in ours; ours may say more."""
    recorded = {(o["kind"], o["metadata"]["name"]): status_of(o) for o in theirs if o["apiVersion"] in OWN}
    for o in ours:
        key, mine = (o["kind"], o["metadata"]["name"]), status_of(o)
        for member, value in recorded.get(key, {}).items():
            got = mine.get(member)
            if member == "conditions":
                got = {t: s for t, s in mine["conditions"].items() if t in value}
            if got != value:
                yield {"object": "/".join(key), "path": f"/status/{member}", "ours": got, "recorded": value, "rule": None}


def check(case, name, step, ours):
    theirs = read(case, name, f"out-{step}.yaml")
    for o in ours:
        drop_what_the_cluster_gives(o)
    ours = adopt_times(adopt_revisions(adopt_random_names(ours, theirs), theirs), theirs)
    found = case.run.tool("compare", name, str(step), stdin=json.dumps(ours))
    found += status_differences(ours, theirs)
    unexpected = [d for d in found if not decided(d, f"{name}/{step}")]
    text = [f"{d['object']} {d['path']}\n    ours:     {str(d['ours'])[:1500]}\n    recorded: {str(d['recorded'])[:1500]}"
            for d in unexpected]
    assert not text, f"step {step}: {len(text)} differences that docs/compatibility.md does not decide:\n" + "\n".join(text)


@cases(**{name.replace("-", "_"): name for name in CASES if FOLDER != "none"})
def case(case, name):
    shared_namespace(case)
    for document in read(case, name, "in.yaml"):
        if document["kind"] == "ClusterEngineRuntimeProfile":  # what the group refers to, not what it is made of
            case.api.create("ClusterEngineRuntimeProfile", document)
    group = stored(case, name, 1)
    case.api.create("RoleBasedGroup", group, NAMESPACE)
    check(case, name, 1, settled(case, group["metadata"]["name"]))
    if os.path.exists(os.path.join(FOLDER, name, "out-2.yaml")):
        group = stored(case, name, 2)
        now = case.api.get("RoleBasedGroup", NAMESPACE, group["metadata"]["name"])
        group["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"]
        case.api.replace("RoleBasedGroup", NAMESPACE, group["metadata"]["name"], group)
        check(case, name, 2, settled(case, group["metadata"]["name"]))
