"""The API as kubectl shows it, in both versions."""

import json

from harness import cases, test
from test_examples import EXAMPLES, EXPECTED

COLUMNS = {
    "rolebasedgroups": "NAME READY AGE ROLES UPDATED REASON",
    "rolebasedgroups.v1alpha1.workloads.x-k8s.io": "NAME READY AGE ROLES UPDATED REASON",
    "roleinstancesets": "NAME DESIRED UPDATED UPDATED_READY READY TOTAL AGE FAILED",
    "roleinstances": "NAME READY AGE RESTARTS REASON",
}
SHORT_NAMES = {"rbg": "rolebasedgroups", "rbgs": "rolebasedgroupsets", "ris": "roleinstancesets",
               "rins": "roleinstances", "rbgsa": "rolebasedgroupscalingadapters",
               "cpolicy": "coordinatedpolicies", "rbgwarmup": "rolebasedgroupwarmups"}
EXPLAINED = ["rbg.spec.roles.leaderWorkerPattern", "rbg.spec.roles.standalonePattern.templateRef",
             "rbg.spec.roles.customComponentsPattern.components", "rbg.spec.roles.rolloutStrategy.rollingUpdate",
             "rbg.spec.roleTemplates", "rbg.status.roleStatuses", "roleinstancesets.spec.updateStrategy",
             "roleinstances.spec.restartPolicyConfig"]


def strip(document):
    """The part that a user writes."""
    meta = document["metadata"]
    annotations = {k: v for k, v in meta.get("annotations", {}).items() if k != "kubectl.kubernetes.io/last-applied-configuration"}
    return {"labels": meta.get("labels", {}), "annotations": annotations, "spec": document["spec"]}


@test
def kubectl_shows_columns(case):
    case.kubectl("apply", "-f", case.example("two-roles.yaml"))
    case.wait_ready("two-roles")
    for resource, columns in COLUMNS.items():
        lines = case.kubectl("get", resource).stdout.splitlines()
        assert lines[0].split() == columns.split(), lines[0]
        assert len(lines) > 1, f"{resource}: nothing is listed"
    assert case.kubectl("get", "rbg", "two-roles", "--no-headers").stdout.split()[:2] == ["two-roles", "True"]
    row = case.kubectl("get", "ris", "two-roles-worker", "--no-headers").stdout.split()
    assert row[:6] == ["two-roles-worker", "2", "2", "2", "2", "2"], row
    assert case.kubectl("wait", "--for=condition=Ready", "--timeout=10s", "rbg/two-roles").returncode == 0
    case.kubectl("describe", "rbg", "two-roles")


@test
def kubectl_knows_the_short_names(case):
    lines = case.kubectl("api-resources", "--api-group=workloads.x-k8s.io", "--no-headers").stdout.splitlines()
    found = {fields[1]: fields[0] for fields in map(str.split, lines)}
    assert SHORT_NAMES.items() <= found.items(), found


@test
def kubectl_explains_fields(case):
    for field in EXPLAINED:
        text = case.kubectl("explain", field).stdout
        assert "DESCRIPTION:" in text and "<empty>" not in text.split("FIELDS:")[0], text
    deep = "rbg.spec.roles.leaderWorkerPattern.template.spec.containers.image"
    done = case.kubectl("explain", deep, check=False)
    # A pod template is kept as it is written; explain ends where the schema does.
    assert done.returncode == 0 or "does not exist" in done.stderr, done.stderr


@test
def sets_can_be_scaled_by_kubectl(case):
    """The scale subresource answers; the group's controller then has the last word."""
    case.kubectl("apply", "-f", case.example("two-roles.yaml"))
    case.wait_ready("two-roles")
    scale = json.loads(case.kubectl("get", "--raw",
        f"/apis/workloads.x-k8s.io/v1alpha2/namespaces/{case.ns}/roleinstancesets/two-roles-worker/scale").stdout)
    assert scale["spec"]["replicas"] == 2 and scale["status"]["replicas"] == 2, scale
    wanted = "rbg.workloads.x-k8s.io/role-name=worker"
    assert wanted in scale["status"]["selector"], scale


@test
def unknown_fields_are_named(case):
    group = {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
             "metadata": {"name": "typo", "namespace": case.ns},
             "spec": {"roles": [{"name": "a", "replica": 2, "standalonePattern":
                                 {"template": {"spec": {"containers": [{"name": "c", "image": "e/i"}]}}}}]}}
    done = case.kubectl("create", "--validate=strict", "-f", "-", stdin=json.dumps(group), check=False)
    assert done.returncode and 'unknown field "spec.roles[0].replica"' in done.stderr, done.stderr


@cases(**EXAMPLES)
def both_versions_hold_the_same(case, manifest):
    """Read as v1alpha1 and written back, a group is what it was: in v1alpha2 and in v1alpha1."""
    name, _ = EXPECTED[manifest[:-5].replace("-", "_")]
    old = "rolebasedgroups.v1alpha1.workloads.x-k8s.io"
    case.kubectl("apply", "-f", case.example(manifest))
    case.wait_ready(name)
    before = case.get("RoleBasedGroup", name)
    first = json.loads(case.kubectl("get", old, name, "-o", "json").stdout)
    assert first["apiVersion"] == "workloads.x-k8s.io/v1alpha1"
    case.kubectl("replace", "-f", "-", stdin=json.dumps(first))
    after = case.get("RoleBasedGroup", name)
    assert strip(after) == strip(before), f"{strip(after)}\nwas\n{strip(before)}"
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    # A change made through v1alpha1 arrives, and takes nothing else along.
    first["metadata"].pop("resourceVersion")
    first["spec"]["roles"][0]["replicas"] = 3
    case.kubectl("replace", "-f", "-", stdin=json.dumps(first))
    after = case.get("RoleBasedGroup", name)
    before["spec"]["roles"][0]["replicas"] = 3
    assert after["spec"] == before["spec"], f"{after['spec']}\nexpected\n{before['spec']}"
