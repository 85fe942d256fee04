"""What can't run is refused when it is applied: the message names the path, the reason and the cure."""

import copy
import json

from harness import cases, test
from kube import wait

POD = {"spec": {"containers": [{"name": "main", "image": "e/i:1"}]}}


def role(name, **fields):
    return {"name": name, "replicas": 1, "standalonePattern": {"template": copy.deepcopy(POD)}, **fields}


def bare(name, **fields):
    """A role without a pattern."""
    return {"name": name, "replicas": 1, **fields}


def group(case, roles, templates=None, name="bad"):
    spec = {"roles": roles, **({"roleTemplates": templates} if templates else {})}
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
            "metadata": {"name": name, "namespace": case.ns}, "spec": spec}


LEADER = {"size": 2, "template": POD}

# name: (roles, role templates, group's name, words that the message has to contain)
BAD = {
    "dependency_cycle": ([role("a", dependencies=["b"]), role("b", dependencies=["c"]), role("c", dependencies=["a"])], None, "bad",
                         ["spec.roles", "dependencies", "cycle", "a", "b", "c"]),
    "dependency_on_itself": ([role("a", dependencies=["a"])], None, "bad", ["spec.roles", "dependencies", "cycle", "a -> a"]),
    "unknown_dependency": ([role("a", dependencies=["nobody"])], None, "bad", ["spec.roles[0].dependencies[0]", "nobody"]),
    "unknown_role_template": ([bare("a", standalonePattern={"templateRef": {"name": "nothing"}})],
                              [{"name": "engine", "template": POD}], "bad",
                              ["spec.roles[0].standalonePattern.templateRef.name", "nothing", "engine"]),
    "patch_that_is_no_object": ([bare("a", standalonePattern={"templateRef": {"name": "engine", "patch": {"spec": {"containers": "none"}}}})],
                                [{"name": "engine", "template": POD}], "bad",
                                ["spec.roles[0].standalonePattern.templateRef.patch", "containers"]),
    "patch_without_merge_key": ([bare("a", leaderWorkerPattern={**LEADER, "leaderTemplatePatch":
                                                                {"spec": {"containers": [{"image": "e/other"}]}}})], None, "bad",
                                ["spec.roles[0].leaderWorkerPattern.leaderTemplatePatch", "name"]),
    "name_that_does_not_fit": ([role("r" * 40)], None, "g" * 40, ["spec.roles[0].name", "Too long", "11 characters are left"]),
    "two_patterns": ([role("a", leaderWorkerPattern=LEADER)], None, "bad",
                     ["spec.roles[0]", "standalonePattern", "leaderWorkerPattern"]),
    "no_pattern": ([bare("a")], None, "bad", ["spec.roles[0]", "standalonePattern", "leaderWorkerPattern", "customComponentsPattern"]),
    "no_containers": ([bare("a", standalonePattern={"template": {"spec": {"containers": []}}})], None, "bad",
                      ["spec.roles[0].standalonePattern.template.spec.containers"]),
    "no_template": ([bare("a", standalonePattern={})], None, "bad", ["spec.roles[0].standalonePattern", "template"]),
    "same_role_twice": ([role("a"), role("a")], None, "bad", ["spec.roles", "uplicate", '"a"']),
    "no_roles": ([], None, "bad", ["spec.roles"]),
    "negative_replicas": ([role("a", replicas=-1)], None, "bad", ["spec.roles[0].replicas"]),
    "role_name_that_is_no_label": ([role("Not_A_Name")], None, "bad", ["spec.roles[0].name"]),
    "rollout_that_can_never_go_on": ([role("a", rolloutStrategy={"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}})], None, "bad",
                                     ["spec.roles[0].rolloutStrategy.rollingUpdate", "maxUnavailable"]),
}


@cases(**BAD)
def with_the_path(case, parameter):
    roles, templates, name, words = parameter
    text = json.dumps(group(case, roles, templates, name))
    for arguments in (["apply"], ["apply", "--dry-run=server"], ["create"], ["apply", "--server-side"]):
        done = case.kubectl(*arguments, "-f", "-", stdin=text, check=False)
        assert done.returncode, f"kubectl {' '.join(arguments)} took it: {done.stdout}"
        missing = [w for w in words if w not in done.stderr]
        assert not missing, f"the message lacks {missing}: {done.stderr}"
    assert case.list("RoleBasedGroup") == []


@test
def all_mistakes_are_told_at_once(case):
    bad = group(case, [role("a", dependencies=["nobody"]), bare("b")])
    done = case.kubectl("apply", "-f", "-", stdin=json.dumps(bad), check=False)
    assert done.returncode
    for path in ("spec.roles[0].dependencies[0]", "spec.roles[1]"):
        assert path in done.stderr, done.stderr


@test
def an_update_is_refused_and_the_group_runs_on(case):
    case.apply(group(case, [role("a")], name="good"))
    case.wait_ready("good")
    before = {n: p["metadata"]["uid"] for n, p in case.pods().items()}
    done = case.kubectl("apply", "-f", "-", stdin=json.dumps(group(case, [role("a", dependencies=["x"])], name="good")), check=False)
    assert done.returncode and "spec.roles[0].dependencies[0]" in done.stderr, done.stderr
    case.wait_ready("good")
    assert {n: p["metadata"]["uid"] for n, p in case.pods().items()} == before


@test
def what_is_refused_as_v1alpha2_is_refused_as_v1alpha1(case):
    old = {"apiVersion": "workloads.x-k8s.io/v1alpha1", "kind": "RoleBasedGroup", "metadata": {"name": "old", "namespace": case.ns},
           "spec": {"roles": [{"name": "a", "replicas": 1, "dependencies": ["nobody"], "template": POD,
                               "workload": {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleInstanceSet"}}]}}
    done = case.kubectl("apply", "-f", "-", stdin=json.dumps(old), check=False)
    assert done.returncode and "dependencies" in done.stderr and "nobody" in done.stderr, done.stderr


@test
def what_is_stored_already_stays_editable(case):
    """A rule that came later must not lock an object: only what an update makes wrong is refused."""
    name = case.namespace("refused-stored", {"rbg-test/no-webhooks": "true"})
    bad = group(case, [role("a", dependencies=["nobody"])])
    case.api.create("RoleBasedGroup", bad, name)
    conditions = lambda: {c["type"]: c for c in case.get("RoleBasedGroup", "bad").get("status", {}).get("conditions", [])}
    wait(lambda: conditions()["Ready"]["status"] == "False", 20, "the stored group's Ready says what is wrong")
    case.api.merge("Namespace", None, name, {"metadata": {"labels": {"rbg-test/no-webhooks": None}}})
    wait(lambda: case.kubectl("label", "--overwrite", "--dry-run=server", "rbg", "bad", "touched=yes"), 10, "webhooks see the namespace")
    case.kubectl("label", "rbg", "bad", "touched=yes")
    case.api.merge("RoleBasedGroup", name, "bad", {"metadata": {"annotations": {"note": "still editable"}}})
