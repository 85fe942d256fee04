"""The simulated API server (tests/e2e/e2e_sim.c) beside the real one: random requests to both, and what they make of them.

Objects refer to each other by uid, and preconditions name uids and versions; each server has its own. So a request says
"@uid:Kind/name" and "@rv", which each side replaces by what it has, and answers are compared with each side's uids turned back.
"""

import json
import random
import re
import subprocess
import urllib.parse
import uuid

import kube

OURS = "workloads.x-k8s.io/v1alpha2"
API_VERSION = {"ConfigMap": "v1", "Service": "v1", "Pod": "v1", "ControllerRevision": "apps/v1", "RoleBasedGroup": OURS,
               "RoleBasedGroupSet": OURS, "RoleInstanceSet": OURS, "RoleInstance": OURS, "RoleBasedGroupScalingAdapter": OURS}
STATUS = {"RoleBasedGroup", "RoleInstanceSet", "RoleInstance", "Pod"}
CONTENT = {"merge": "application/merge-patch+json", "strategic": "application/strategic-merge-patch+json",
           "json": "application/json-patch+json", "apply": "application/apply-patch+yaml"}
MANAGERS = ["one", "two", "three"]
NAMES = ["a", "b"]

# What is not compared, each with its reason. Paths end at a dot-separated member; "*" is any member or element.
NOT_COMPARED = {
    "metadata.uid": "each server makes its own; references to it are compared",
    "metadata.resourceVersion": "each server counts by itself",
    "metadata.creationTimestamp": "the simulation's clock is virtual",
    "metadata.deletionTimestamp": "the same; that it is there is compared",
    "metadata.selfLink": "long gone",
}
# Fields that the real API server, its admission plugins and allocators fill in, and nothing here ever reads: they are no part of
# the simulation. Neither are they compared in managedFields, where creating an object makes them its creator's.
FILLED_IN = {
    "Service": ["spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.internalTrafficPolicy",
                "spec.sessionAffinity", "spec.type", "spec.ports.*.targetPort", "status"],
    "Pod": ["spec.containers.*.imagePullPolicy", "spec.containers.*.resources", "spec.containers.*.terminationMessagePath",
            "spec.containers.*.terminationMessagePolicy", "spec.dnsPolicy", "spec.enableServiceLinks", "spec.preemptionPolicy",
            "spec.priority", "spec.restartPolicy", "spec.securityContext", "spec.serviceAccount", "spec.serviceAccountName",
            "spec.terminationGracePeriodSeconds", "spec.tolerations", "status.conditions.*.lastProbeTime", "status.qosClass"],
}

# An answer that the simulation does not give: when an apply takes the last one out of a map or list of a custom resource, API
# servers may leave null there, and refuse the request for what they made of it. The step is left out then, for both.
LEFT_NULL = re.compile('must be of type (object|array): "null"')


def drop(value, path):
    """Takes what is at the path out of a document."""
    head, *rest = path
    for key in (list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []):
        if head not in ("*", key):
            continue
        if rest:
            drop(value[key], rest)
        elif isinstance(value, dict):
            del value[key]


def drop_field(fields, path):
    """The same in a fieldsV1; a node that is left empty by it goes, too."""
    head, *rest = path
    for key in list(fields):
        if key != "f:" + head and not (head == "*" and key != "."):
            continue
        if rest and fields[key]:
            drop_field(fields[key], rest)
        if not rest or not fields[key] or set(fields[key]) == {"."} and key.startswith("f:"):
            if not rest or not fields[key]:
                del fields[key]


class Side:
    """One of the two servers, with the uids that it gave."""

    def __init__(self):
        self.uids, self.names, self.versions = {}, {}, {}

    def note(self, kind, name, found):
        if not found:
            return
        uid = found["metadata"]["uid"]
        self.versions[kind, name] = found["metadata"]["resourceVersion"]
        if uid not in self.names:
            count = sum(1 for n in self.names.values() if n.startswith(f"@uid:{kind}/{name}#"))
            self.names[uid] = f"@uid:{kind}/{name}#{count}"
        self.uids[kind, name] = uid

    def resolve(self, value, kind, name):
        if isinstance(value, dict):
            return {k: self.resolve(v, kind, name) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v, kind, name) for v in value]
        if isinstance(value, str) and value.startswith("@uid:"):
            who = tuple(value[5:].split("/"))
            return self.uids.get(who) or str(uuid.uuid5(uuid.NAMESPACE_URL, value))
        if value == "@rv":
            return self.versions.get((kind, name), "1")
        return value


class Simulated(Side):
    def __init__(self, program, namespace):
        super().__init__()
        self.namespace = namespace
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, op, kind, name, **more):
        query = {"op": op, "kind": kind, "namespace": self.namespace, "name": name, **more}
        self.process.stdin.write(json.dumps(query) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def send(self, step):
        kind, name = step["kind"], step["name"]
        answer = self.ask(**self.resolve(step, kind, name))
        self.note(kind, name, answer.get("object"))  # the collector may take it at once
        self.collected = "collected" in self.ask("collect", "", "")
        return answer["code"], answer.get("message", "")

    def get(self, kind, name):
        found = self.ask("get", kind, name).get("object")
        self.note(kind, name, found)
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Real(Side):
    def __init__(self, api, namespace):
        super().__init__()
        self.api, self.namespace = api, namespace

    def call(self, method, path, body=None, content="application/json"):
        try:
            found = self.api.request(method, path, body, content)
            if found["kind"] in API_VERSION and method != "DELETE":
                self.note(found["kind"], found["metadata"]["name"], found)
            return 200, "", found
        except kube.ApiError as e:
            return e.status, e.message, None

    def send(self, step):
        kind, name = step["kind"], step["name"]
        step = self.resolve(step, kind, name)
        op, manager = step["op"], {"fieldManager": step.get("manager", "")}
        at = kube.path(kind, self.namespace, name, "status" if step.get("status") else None)
        if op == "create":
            query = urllib.parse.urlencode(manager)
            return self.call("POST", f"{kube.path(kind, self.namespace)}?{query}", step["object"])[:2]
        if op == "delete":
            body = {"propagationPolicy": step["policy"]} if step.get("policy") else {}
            preconditions = {k: step[k] for k in ("uid", "resourceVersion") if step.get(k)}
            if preconditions:
                body["preconditions"] = preconditions
            return self.call("DELETE", at, body)[:2]
        if op == "apply":
            manager["force"] = "true" if step["force"] else "false"
        query = urllib.parse.urlencode(manager)
        return self.call("PATCH", f"{at}?{query}", step["object"] if op == "apply" else step["patch"], CONTENT[op])[:2]

    def get(self, kind, name):
        return self.call("GET", kube.path(kind, self.namespace, name))[2]


def lives(side, ref):
    owner = side.get(ref["kind"], ref["name"])
    return bool(owner) and owner["metadata"]["uid"] == ref["uid"]


def without_dangling(side, found):
    """References to owners that are gone are left out: the real garbage collector takes them out when it happens to come by, which
    may be never, as long as another owner lives."""
    meta = found["metadata"]
    gone = {r["uid"] for r in meta.get("ownerReferences", []) if not lives(side, r)}
    if not gone:
        return
    meta["ownerReferences"] = [r for r in meta["ownerReferences"] if r["uid"] not in gone]
    if not meta["ownerReferences"]:
        del meta["ownerReferences"]
    for entry in meta.get("managedFields", []):
        owned = entry["fieldsV1"].get("f:metadata", {})
        refs = owned.get("f:ownerReferences", {})
        for uid in gone:
            refs.pop('k:{"uid":"%s"}' % uid, None)
        if "f:ownerReferences" in owned and set(refs) <= {"."}:
            del owned["f:ownerReferences"]
        if owned == {}:
            entry["fieldsV1"].pop("f:metadata", None)


def comparable(side, kind, found):
    if not found:
        return None
    without_dangling(side, found)
    text = json.dumps(found)
    for uid, name in side.names.items():
        text = text.replace(uid, name)
    found = json.loads(text)
    meta = found["metadata"]
    if "deletionTimestamp" in meta:
        meta["isDeleted"] = True
        if kind == "Pod":
            found.pop("status", None)  # pods without a node that are to go are ended by a collector of their own, now and then
    for path in NOT_COMPARED:
        drop(found, path.split("."))
    managed = meta.pop("managedFields", [])
    for path in FILLED_IN.get(kind, []):
        drop(found, path.split("."))
        for entry in managed:
            drop_field(entry["fieldsV1"], path.split("."))
    if found.get("status") == {}:
        del found["status"]
    # References that a deletion takes away are taken by programs of other names.
    meta["managed"] = {f"{e['manager']} {e['operation']} {e.get('subresource', '')}": e["fieldsV1"] for e in managed
                       if e["fieldsV1"] and e["manager"] != "kube-controller-manager"}
    return found


def differences(ours, theirs, path=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs), key=str):
            yield from differences(ours.get(key), theirs.get(key), f"{path}/{key}")
    elif ours != theirs:
        yield f"{path}: simulated {json.dumps(ours, default=str)[:300]}, real {json.dumps(theirs, default=str)[:300]}"


class Requests:
    """Random requests; about all of them are well formed, as what is refused by validation is another test's matter."""

    def __init__(self, seed, kinds=tuple(API_VERSION)):
        self.random, self.kinds = random.Random(seed), kinds

    def coin(self, p=0.5):
        return self.random.random() < p

    def some(self, items, p=0.5):
        chosen = [i for i in items if self.coin(p)]
        self.random.shuffle(chosen)
        return chosen

    def words(self, p=0.5):
        return {k: self.random.choice("12") for k in self.some("abc", p)}

    def owner(self):
        kind, name = self.random.choice(self.kinds), self.random.choice(NAMES)
        ref = {"apiVersion": API_VERSION[kind], "kind": kind, "name": name, "uid": f"@uid:{kind}/{name}"}
        if self.coin():
            ref["blockOwnerDeletion"] = self.coin()
        return ref

    def metadata(self, kind, name):
        meta = {}
        for key, value in (("labels", self.words()), ("annotations", self.words(0.3)),
                           ("finalizers", [f"x.example/{f}" for f in self.some("fg", 0.12)])):
            # Pods that end without ever having had a node are ended by another controller than the garbage collector.
            if (value or self.coin(0.05)) and not (kind == "Pod" and key == "finalizers"):
                meta[key] = value
        if self.coin(0.2):
            refs = {r["uid"]: r for r in (self.owner() for _ in range(self.random.randint(1, 2)))}
            refs.pop(f"@uid:{kind}/{name}", None)
            if refs:
                meta["ownerReferences"] = list(refs.values())
        return meta

    def template(self, typed=False):
        """typed: below a type of our definitions, which do not say of nodeSelector that it is atomic."""
        containers = [{"name": f"c{i}", "image": f"app:{self.random.choice('12')}"} for i in self.some("xyz") or ["x"]]
        for c in containers:
            if self.coin(0.4):
                c["env"] = [{"name": f"V{i}", "value": self.random.choice("12")} for i in self.some("ab", 0.7)]
            if self.coin(0.3):
                c["args"] = self.some("xyz")
        template = {"spec": {"containers": containers}}
        if self.coin():
            template["metadata"] = {"labels": self.words()}
        if not typed and self.coin(0.3):
            template["spec"]["nodeSelector"] = self.words(0.7)
        return template

    def role(self, name):
        role = {"name": name, "standalonePattern": {"template": self.template(typed=True)}}
        if self.coin():
            role["replicas"] = self.random.randint(0, 3)
        if self.coin(0.3):
            role["labels"] = self.words()
        return role

    def component(self, name):
        component = {"name": name, "size": self.random.randint(1, 3), "template": self.template()}
        if self.coin(0.3):
            component["serviceName"] = "s"
        return component

    def content(self, kind):
        if kind == "ConfigMap":
            return {"data": self.words(0.6)}
        if kind == "Service":
            ports = [{"port": 50 + i // 2, **({"protocol": "UDP"} if i % 2 else {"protocol": "TCP"} if self.coin() else {}),
                      "name": f"p{i}"} for i in self.some(range(4), 0.4) or [0]]
            return {"spec": {"clusterIP": "None", "ports": ports, "selector": self.words(0.7) or {"a": "1"}}}
        if kind == "ControllerRevision":
            return {"revision": self.random.randint(1, 3), "data": {"x": self.random.choice([1, 1, 1, 2])}}
        if kind == "Pod":
            return {"spec": {"schedulerName": "nobody", "automountServiceAccountToken": False,
                             "containers": [{"name": "c", "image": f"app:{self.random.choice('12')}"}]}}
        if kind == "RoleBasedGroup":
            return {"spec": {"roles": [self.role(n) for n in self.some(["r", "s", "t"]) or ["r"]]}}
        if kind == "RoleBasedGroupSet":
            return {"spec": {"replicas": self.random.randint(0, 3), "groupTemplate": {
                "spec": {"roles": [self.role(n) for n in self.some(["r", "s", "t"]) or ["r"]]}}}}
        if kind == "RoleInstanceSet":
            return {"spec": {"replicas": self.random.randint(0, 3), "selector": {"matchLabels": self.words(0.8)},
                             "roleInstanceTemplate": {"components": [self.component(n) for n in self.some("pq") or ["p"]]}}}
        if kind == "RoleInstance":
            return {"spec": {"components": [self.component(n) for n in self.some("pq") or ["p"]]}}
        return {"spec": {"replicas": self.random.randint(0, 3), "scaleTargetRef": {"name": "g", "role": self.random.choice("rs")}}}

    def object(self, kind, name):
        return {"apiVersion": API_VERSION[kind], "kind": kind, "metadata": {**self.metadata(kind, name), "name": name},
                **self.content(kind)}

    def status(self, kind):
        condition = [{"type": t, "status": self.random.choice(["True", "False"]), "reason": "R", "message": "m",
                      "lastTransitionTime": "2026-01-01T00:00:00Z"} for t in self.some(["A", "B"], 0.7)]
        if kind == "Pod":
            return {"conditions": [{k: v for k, v in c.items() if k != "message"} for c in condition]}
        status = {"conditions": condition}
        if kind == "RoleBasedGroup":
            status["roleStatuses"] = [{"name": n, "replicas": self.random.randint(0, 2), "readyReplicas": 0, "updatedReplicas": 0}
                                      for n in self.some("rs")]
        if kind == "RoleInstanceSet":
            del status["conditions"]
            status.update({k: self.random.randint(0, 2) for k in ("replicas", "readyReplicas", "availableReplicas", "currentReplicas",
                                                                  "updatedReplicas", "updatedReadyReplicas")})
        return status

    def merge_patch(self, op, kind, name):
        patch = {"metadata": self.metadata(kind, name)}
        for key in ("labels", "annotations"):
            for word in self.some("abc", 0.3):
                patch["metadata"].setdefault(key, {}).setdefault(word, None)
        if self.coin(0.2):
            patch["metadata"][self.random.choice(["labels", "annotations", "finalizers", "ownerReferences"])] = None
        if self.coin(0.15):
            patch["metadata"]["uid"] = f"@uid:{kind}/{self.random.choice(NAMES)}"
        if self.coin(0.15):
            patch["metadata"]["resourceVersion"] = self.random.choice(["@rv", "1"])
        # Merging ports by their numbers leads to two of one name, which validation refuses.
        if self.coin() and not (op == "strategic" and kind == "Service"):
            patch.update(self.content(kind))
        return patch

    def json_patch(self):
        key = self.random.choice(["labels", "annotations"])
        word = self.random.choice("abc")
        return self.random.choice([
            [{"op": "add", "path": f"/metadata/{key}", "value": self.words()}],
            [{"op": "add", "path": f"/metadata/{key}/{word}", "value": "3"}],
            [{"op": "remove", "path": f"/metadata/{key}/{word}"}],
            [{"op": "test", "path": f"/metadata/{key}/{word}", "value": "1"},
             {"op": "replace", "path": f"/metadata/{key}/{word}", "value": "2"}],
            [{"op": "remove", "path": "/metadata/finalizers"}],
        ])

    def step(self):
        kind, name = self.random.choice(self.kinds), self.random.choice(NAMES)
        op = self.random.choices(["create", "apply", "merge", "strategic", "json", "status", "delete"],
                                 [12, 40, 12, 8, 8, 8, 12])[0]
        step = {"op": op, "kind": kind, "name": name, "manager": self.random.choice(MANAGERS)}
        if op in ("create", "apply"):
            step["object"] = self.object(kind, name)
        if op == "apply":
            step["force"] = self.coin()
            if self.coin(0.1):
                step["object"]["metadata"]["uid"] = f"@uid:{kind}/{self.random.choice(NAMES)}"
        if op in ("merge", "strategic"):
            step["patch"] = self.merge_patch(op, kind, name)
        if op == "json":
            step["patch"] = self.json_patch()
        if op == "status":
            if kind not in STATUS:
                return self.step()
            step.update(op="strategic" if kind == "Pod" else "merge", status=True, patch={"status": self.status(kind)})
        if op == "delete":
            step.update({k: v for k, v in (("policy", self.random.choice([None, "Background", "Foreground", "Orphan"])),
                                           ("uid", f"@uid:{kind}/{self.random.choice(NAMES)}" if self.coin(0.3) else None),
                                           ("resourceVersion", self.random.choice(["@rv", "1"]) if self.coin(0.2) else None)) if v})
        return step


def compare(sides, kind, name):
    mine, theirs = (comparable(s, kind, s.get(kind, name)) for s in sides)
    return list(differences(mine, theirs, f"{kind} {name}"))


def run(api, program, namespace, seed, steps, kinds=tuple(API_VERSION)):
    """Returns how many steps were taken, and what was found when the two went apart."""
    requests, simulated, real = Requests(seed, kinds), Simulated(program, namespace), Real(api, namespace)
    sides, log = (simulated, real), []
    try:
        for n in range(steps):
            step = requests.step()
            if "object" in step:
                step["object"]["metadata"]["namespace"] = namespace
            real_code, real_words = real.send(step)
            if step["op"] == "apply" and real_code == 422 and LEFT_NULL.search(real_words):
                continue
            code, words = simulated.send(step)
            log.append(f"{n}: {json.dumps(step)} -> {code} {real_code}")
            found = [] if code == real_code else [f"simulated: {code} {words}", f"real: {real_code} {real_words}"]
            for kind, name in [(k, m) for k in kinds for m in NAMES] if simulated.collected else [(step["kind"], step["name"])]:
                found += settled(sides, kind, name, simulated.collected)
            if found:
                return n, found, log[-6:]
        return steps, [], []
    finally:
        simulated.close()
        release(real, kinds)


def release(real, kinds):
    """What a finalizer holds would hold its namespace for ever."""
    for kind in kinds:
        for name in NAMES:
            real.call("PATCH", kube.path(kind, real.namespace, name), {"metadata": {"finalizers": None}}, CONTENT["merge"])


def settled(sides, kind, name, collected):
    """The differences; after a deletion when the real garbage collector has had its time."""
    # The controller manager asks 20 times a second at most, so a burst of deletions takes it a while.
    for _ in range(900 if collected else 1):
        found = compare(sides, kind, name)
        if not found or not collected:
            break
        kube.time.sleep(0.1)
    return found
