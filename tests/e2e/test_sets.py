"""Sets of groups: made, scaled, rolled one at a time, shared with others."""

import copy
import json

import harness
import test_recorded
from harness import is_ready, test
from kube import wait
from test_changes import pods_become

TEMPLATE = {"labels": {"fleet": "x"}, "annotations": {"note": "why"}, "spec": {
    "roleTemplates": [{"name": "base", "template": {"spec": {
        "containers": [{"name": "main", "image": "registry.example.com/engine:1", "ports": [{"containerPort": 8000}]}]}}}],
    "roles": [
        {"name": "engine", "replicas": 2, "standalonePattern": {"templateRef": {"name": "base"}}},
        {"name": "extra", "replicas": 1, "standalonePattern": {"templateRef": {"name": "base"}}}]}}


def fleet(replicas, template=TEMPLATE):
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroupSet", "metadata": {"name": "fleet"},
            "spec": {"replicas": replicas, "groupTemplate": template}}


def groups(case):
    return {g["metadata"]["name"]: g for g in case.list("RoleBasedGroup")}


def ready(case, replicas):
    def is_so():
        s = case.get("RoleBasedGroupSet", "fleet")
        status = s.get("status", {})
        condition = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {})
        assert status.get("observedGeneration") == s["metadata"]["generation"], status
        assert condition.get("status") == "True" and status["readyReplicas"] == replicas == status["replicas"], status
        assert ", " not in condition["message"], condition  # nothing is waiting for its update
        return True
    wait(is_so, 90, f"the set has {replicas} ready groups")


def quiet(case, seconds=3):
    """Nothing of it is written while nothing changes."""
    def versions():
        return [o["metadata"]["resourceVersion"] for kind in ("RoleBasedGroupSet", "RoleBasedGroup") for o in case.list(kind)]

    def is_quiet():
        before = versions()
        assert not harness.changes_within(seconds, lambda: versions() != before), "something is still written"
        return True
    wait(is_quiet, 40, "nothing is written")


@test
def groups_come_and_go(case):
    case.apply(fleet(2))
    ready(case, 2)
    made = groups(case)
    assert sorted(made) == ["fleet-0", "fleet-1"]
    assert made["fleet-1"]["spec"]["roleTemplates"][0]["name"] == "base"
    assert made["fleet-1"]["metadata"]["annotations"]["note"] == "why"
    quiet(case)
    case.kubectl("scale", "rbgs/fleet", "--replicas=3")
    ready(case, 3)
    columns = case.kubectl("get", "rbgs", "fleet").stdout.splitlines()
    assert columns[0].split()[:3] == ["NAME", "DESIRED", "READY"] and columns[1].split()[:3] == ["fleet", "3", "3"], columns
    case.kubectl("scale", "rbgs/fleet", "--replicas=1")
    ready(case, 1)
    pods_become(case, ["fleet-0-engine-0", "fleet-0-engine-1", "fleet-0-extra-0"])
    assert groups(case)["fleet-0"]["metadata"]["uid"] == made["fleet-0"]["metadata"]["uid"]
    case.kubectl("delete", "rbgs", "fleet")
    pods_become(case, [])


@test
def a_template_rolls_group_by_group(case):
    case.apply(fleet(3))
    ready(case, 3)
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["roleTemplates"][0]["template"]["spec"]["containers"][0]["env"] = [{"name": "NEW", "value": "1"}]
    del template["spec"]["roles"][1]  # goes in all groups
    case.apply(fleet(3, template))
    most = 0

    def done():
        nonlocal most
        down = [n for n, g in groups(case).items() if not ready_now(g)]
        most = max(most, len(down))
        pods = case.pods()
        assert len(pods) == 6 and all(p["spec"]["containers"][0].get("env", [{}])[0].get("name") for p in pods.values())
        assert all(any(e["name"] == "NEW" for e in p["spec"]["containers"][0]["env"]) for p in pods.values())
        return True
    wait(done, 120, "all groups run the new template")
    ready(case, 3)
    assert most <= 1, f"{most} groups were down at once"
    assert all([r["name"] for r in g["spec"]["roles"]] == ["engine"] for g in groups(case).values())
    quiet(case)


def ready_now(group):
    try:
        return is_ready(group)
    except AssertionError:
        return False


@test
def others_have_a_say_beside_the_template(case):
    """Labels, annotations and the count of an autoscaled role; but not what the template says."""
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["roles"][0]["scalingAdapter"] = {"enable": True}
    case.apply(fleet(1, template))
    ready(case, 1)
    case.kubectl("label", "rbg", "fleet-0", "theirs=1", "fleet=changed", "--overwrite")
    case.kubectl("annotate", "rbg", "fleet-0", "their/note=1")
    wait(lambda: case.get("RoleBasedGroup", "fleet-0")["metadata"]["labels"]["fleet"] == "x", 20, "the set's label is back")
    wait(lambda: case.get("RoleBasedGroupScalingAdapter", "fleet-0-engine").get("status", {}).get("phase") == "Bound", 20, "bound")
    case.kubectl("scale", "rbgsa/fleet-0-engine", "--replicas=4")
    wait(lambda: case.get("RoleBasedGroup", "fleet-0")["spec"]["roles"][0]["replicas"] == 4, 20, "the role is scaled")
    ready(case, 1)
    quiet(case)
    group = case.get("RoleBasedGroup", "fleet-0")
    assert group["spec"]["roles"][0]["replicas"] == 4
    assert group["metadata"]["labels"]["theirs"] == "1" and group["metadata"]["annotations"]["their/note"] == "1"


if test_recorded.FOLDER != "none":
    @test
    def a_set_is_as_recorded(case):
        """Its groups' metadata, and its status; ours says more: words, and which generation it is about."""
        name, ns = "12-set", test_recorded.NAMESPACE
        test_recorded.shared_namespace(case)
        for document in test_recorded.read(case, name, "in.yaml"):
            case.api.create("RoleBasedGroupSet", document, ns)
        recorded = [o for o in test_recorded.read(case, name, "out-1.yaml") if o["apiVersion"] == "workloads.x-k8s.io/v1alpha2"]

        def head(o):
            meta = o["metadata"]
            owners = [{k: v for k, v in r.items() if k != "uid"} for r in meta.get("ownerReferences", [])]
            notes = {k: v for k, v in meta.get("annotations", {}).items() if "discovery-config-mode" not in k}
            return json.dumps([meta["name"], meta["labels"], notes, owners], sort_keys=True)

        def same():
            groups_want = [head(o) for o in recorded if o["kind"] == "RoleBasedGroup"]
            groups_have = [head(o) for o in case.api.list("RoleBasedGroup", ns) if o["metadata"]["name"].startswith("fleet-")]
            assert sorted(groups_have) == sorted(groups_want), f"{groups_have} instead of {groups_want}"
            want = next(o for o in recorded if o["kind"] == "RoleBasedGroupSet")["status"]
            have = case.api.get("RoleBasedGroupSet", ns, "fleet").get("status", {})
            for c in want["conditions"]:
                got = next((x for x in have.get("conditions", []) if x["type"] == c["type"]), {})
                assert c.items() <= got.items(), f"{got} instead of {c}"
            assert (have["replicas"], have["readyReplicas"]) == (want["replicas"], want["readyReplicas"]), have
            return True
        wait(same, 60, "the set is the recorded one")
