"""Every example and recorded manifest as a user writes it: applied twice it has no diff and no conflict, a second
defaulting changes nothing, and a read-modify-write through either version keeps every field of the other."""

import copy
import glob
import json
import os

import kube
from harness import test
from kube import wait
from test_recorded import FOLDER

GROUPS = ("RoleBasedGroup", "RoleBasedGroupSet")


def manifests(case):
    """name: the documents of a file."""
    files = {os.path.basename(f)[:-5]: f for f in glob.glob(os.path.join(kube.ROOT, "examples", "*.yaml"))}
    files |= {os.path.basename(os.path.dirname(f)): f for f in glob.glob(os.path.join(FOLDER, "*", "in.yaml"))}
    for name, file in sorted(files.items()):
        with open(file, encoding="utf-8") as f:
            yield name, case.run.tool("json", stdin=f.read())


def groups(case):
    """Every group and set of all manifests, ready to be written into the namespace of the test."""
    for name, documents in manifests(case):
        for document in documents:
            if document["kind"] in GROUPS:
                document = copy.deepcopy(document)
                document["metadata"].pop("namespace", None)
                yield name, document


def url(case, document, version, name=""):
    _, plural = kube.RESOURCES[document["kind"]]
    return f"/apis/workloads.x-k8s.io/{version}/namespaces/{case.ns}/{plural}" + (f"/{name}" if name else "")


def written(document):
    """What a client writes; status and bookkeeping come from others."""
    meta = document["metadata"]
    return {"labels": meta.get("labels", {}), "annotations": meta.get("annotations", {}), "spec": document["spec"]}


def replaced(case, document, version, change):
    """A read-modify-write through that version, as often as somebody else was faster."""
    def once():
        target = url(case, document, version, document["metadata"]["name"])
        body = case.api.request("GET", target)
        assert body["apiVersion"].endswith(version), body["apiVersion"]
        change(body)
        return case.api.request("PUT", target, body)
    return wait(once, 20, f"{document['metadata']['name']} is written as {version}")


def apply(case, kind, name, spec):
    """By server-side apply: what the user does not write stays as it is stored, the defaults too."""
    return case.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps({"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": kind,
                                                               "metadata": {"name": name}, "spec": spec}))


def label(body):
    body["metadata"].setdefault("labels", {})["touched"] = body["apiVersion"].split("/")[1]


@test
def writes_through_either_version_keep_all(case):
    seen = 0
    for name, document in groups(case):
        case.api.request("POST", url(case, document, document["apiVersion"].split("/")[1]), document)
        metadata = document["metadata"]["name"]
        for version, other in (("v1alpha1", "v1alpha2"), ("v1alpha2", "v1alpha1")):
            before = case.api.request("GET", url(case, document, other, metadata))
            same = case.api.request("GET", url(case, document, version, metadata))
            replaced(case, document, version, label)
            after = case.api.request("GET", url(case, document, other, metadata))
            label(before)
            before["metadata"]["labels"]["touched"] = version
            assert written(after) == written(before), (
                f"{name} written as {version}, read as {other}:\n{json.dumps(written(after))}\nwas\n{json.dumps(written(before))}")
            again = case.api.request("GET", url(case, document, version, metadata))
            assert again["spec"] == same["spec"], f"{name} read again as {version}: {again['spec']}\nwas\n{same['spec']}"
            assert after["metadata"]["generation"] == before["metadata"]["generation"], f"{name}: the spec counts as changed"
        case.api.delete(document["kind"], case.ns, metadata)
        seen += 1
    assert seen >= 16 + 5, seen


@test
def applied_twice_nothing_changes(case):
    """By server-side apply: no conflict, the object and its version stay, kubectl diff is empty."""
    for name, document in groups(case):
        text = json.dumps(document)
        case.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        resource = document["kind"].lower() + "/" + document["metadata"]["name"]
        first = case.get(document["kind"], document["metadata"]["name"])
        for _ in range(2):
            done = case.kubectl("apply", "--server-side", "-f", "-", stdin=text, check=False)
            assert done.returncode == 0, f"{name}: {done.stderr}"
        second = case.get(document["kind"], document["metadata"]["name"])
        assert second["spec"] == first["spec"] and second["metadata"]["generation"] == first["metadata"]["generation"], (
            f"{name}:\n{json.dumps(first['spec'])}\nbecame\n{json.dumps(second['spec'])}")
        # The controllers go on writing the status for a moment, which is in the diff too.
        wait(lambda: case.kubectl("diff", "--server-side", "-f", "-", stdin=text), 30, f"{name} has no diff")
        # Not created anew: the object as it is, written back, is the object.
        done = case.kubectl("get", resource, "-o", "json")
        case.kubectl("replace", "-f", "-", stdin=done.stdout, check=False)
        assert case.get(document["kind"], document["metadata"]["name"])["spec"] == first["spec"], name
        case.api.delete(document["kind"], case.ns, document["metadata"]["name"])


@test
def the_stored_group_says_what_happens(case):
    template = {"spec": {"containers": [{"name": "c", "image": "e/i:1", "ports": [{"containerPort": 80}]}]}}
    roles = [{"name": "a", "standalonePattern": {"template": template}},
             {"name": "b", "leaderWorkerPattern": {"template": template, "restartPolicy": "None"}},
             {"name": "c", "customComponentsPattern": {"components": [{"name": "x", "template": template}]}}]
    rollout = {"type": "RollingUpdate", "rollingUpdate": {"type": "InPlaceIfPossible", "partition": 0, "maxUnavailable": 1, "maxSurge": 0}}
    apply(case, "RoleBasedGroup", "g", {"roles": roles})
    apply(case, "RoleBasedGroupSet", "s", {"replicas": 0, "groupTemplate": {"spec": {"roles": roles}}})
    group, set_ = case.get("RoleBasedGroup", "g"), case.get("RoleBasedGroupSet", "s")
    assert group["metadata"]["annotations"]["rbg.workloads.x-k8s.io/discovery-config-mode"] == "refine"
    for stored in (group["spec"]["roles"], set_["spec"]["groupTemplate"]["spec"]["roles"]):
        for role in stored:
            assert role["replicas"] == 1 and role["podManagementPolicy"] == "Parallel" and role["minReadySeconds"] == 0, role
            assert role["rolloutStrategy"] == rollout, role
        a, b, c = stored
        assert a["standalonePattern"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
        assert b["leaderWorkerPattern"]["size"] == 1
        assert b["leaderWorkerPattern"]["restartPolicyConfig"] == {"type": "None", "baseDelaySeconds": 30, "maxDelaySeconds": 600}
        assert c["customComponentsPattern"]["components"][0]["size"] == 1
        assert "restartPolicyConfig" not in c["customComponentsPattern"], c


@test
def the_config_follows_a_deprecated_restart_policy(case):
    template = {"spec": {"containers": [{"name": "c", "image": "e/i:1"}]}}

    def restart(policy):
        pattern = {"template": template, **({"restartPolicy": policy} if policy else {})}
        done = apply(case, "RoleBasedGroup", "g", {"roles": [{"name": "a", "leaderWorkerPattern": pattern}]})
        return done.stderr, case.get("RoleBasedGroup", "g")["spec"]["roles"][0]["leaderWorkerPattern"]["restartPolicyConfig"]["type"]
    warning, stored = restart("None")
    assert stored == "None" and "restartPolicy: deprecated" in warning, warning
    warning, stored = restart("RecreateRoleInstanceOnPodRestart")
    assert stored == "RecreateRoleInstanceOnPodRestart", stored
    warning, stored = restart(None)
    assert stored == "RecreateRoleInstanceOnPodRestart" and "was removed" in warning, warning
