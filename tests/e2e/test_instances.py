"""What goes wrong with the pods of an instance, and what is told of it."""

import json

from harness import changes_within, test
from kube import wait

APP = "engine"


def group(pattern, image="engine:1", **role):
    template = {"spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": APP, "image": image}]}}
    shape = {"standalonePattern": {"template": template}} if pattern == 1 else \
        {"leaderWorkerPattern": {"size": pattern, "template": template}}
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "g"},
            "spec": {"roles": [{"name": "w", "replicas": 1, **shape, **role}]}}


def spec_of(document):
    role = document["spec"]["roles"][0]
    return role.get("standalonePattern", role.get("leaderWorkerPattern"))["template"]["spec"]


def condition(case, kind, name, of):
    found = case.get(kind, name).get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == of), None)


def told(case, of, *words, kind="RoleInstance", name="g-w-0", seconds=10):
    def says():
        message = (condition(case, kind, name, of) or {}).get("message", "")
        assert all(w in message for w in words), f"{of} of {kind} {name} says {message!r}"
        return message
    return wait(says, seconds, f"{of} of {name} names {words}")


def annotate(case, pod, **annotations):
    named = {f"rbg-test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    case.api.merge("Pod", case.ns, pod, {"metadata": {"annotations": named}})


@test
def another_tag_of_the_same_image_and_a_bad_one_and_back(case):
    case.apply(group(1))
    case.wait_ready("g")
    uid = case.pods()["g-w-0"]["metadata"]["uid"]
    restarts = 0
    for image, ends in (("engine:2-is-1", True), ("nonexistent-registry.io/engine:3", False), ("engine:2-is-1", True),
                        ("engine:1", True)):
        case.apply(group(1, image))
        if ends:
            wait(lambda: case.pods()["g-w-0"]["spec"]["containers"][0]["image"] == image, 20, f"the pod gets {image}")
            case.wait_ready("g", 40)
            status = case.pods()["g-w-0"]["status"]["containerStatuses"][0]
            restarts += 1
            assert status["image"] == "docker.io/library/engine:1" and status["restartCount"] == restarts, status
        else:
            told(case, "RoleInstanceReady", "pod g-w-0: container engine: ErrImagePull")
        assert case.pods()["g-w-0"]["metadata"]["uid"] == uid


@test
def a_pod_that_succeeds_is_made_anew_or_done(case):
    for policy, anew in (("Always", True), ("OnFailure", False)):
        document = group(1)
        document["metadata"]["name"] = policy.lower()
        spec_of(document)["restartPolicy"] = policy
        case.apply(document)
        case.wait_ready(policy.lower())
        pod = f"{policy.lower()}-w-0"
        uid = case.pods()[pod]["metadata"]["uid"]
        annotate(case, pod, succeed="true")

        def other():
            now = case.pods().get(pod)
            return now and now["metadata"]["uid"] != uid
        assert changes_within(8, other) == anew, f"{policy}: {'the same pod' if anew else 'another pod'}"
        if anew:
            case.wait_ready(policy.lower(), 30)
        else:
            told(case, "RoleInstanceReady", f"pod {pod} has ended (Succeeded)", name=pod)


@test
def a_leader_worker_instance_goes_with_a_pod_that_succeeds(case):
    case.apply(group(2))
    case.wait_ready("g")
    before = {name: pod["metadata"]["uid"] for name, pod in case.pods().items()}
    annotate(case, "g-w-0-1", succeed="true")

    def all_new():
        now = {name: pod["metadata"]["uid"] for name, pod in case.pods().items()}
        return len(now) == 2 and not set(now.values()) & set(before.values())
    wait(all_new, 30, "both pods are others")
    case.wait_ready("g", 30)


@test
def in_place_only_never_makes_a_pod_anew(case):
    strategy = {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdate": {"type": "InPlaceOnly"}}}
    case.apply(group(1, **strategy))
    case.wait_ready("g")
    uid = case.pods()["g-w-0"]["metadata"]["uid"]
    # The set does not begin what can't be done.
    changed = group(1, **strategy)
    spec_of(changed)["containers"][0]["env"] = [{"name": "MORE", "value": "1"}]
    case.apply(changed)
    told(case, "FailedUpdate", "template.spec.containers[engine].env", kind="RoleInstanceSet", name="g-w")
    # Nor does the instance, when somebody changes it himself.
    template = case.get("RoleInstance", "g-w-0")["spec"]["components"]
    template[0]["template"]["spec"]["containers"][0]["command"] = ["other"]
    case.kubectl("patch", "roleinstance", "g-w-0", "--type=merge", "-p", json.dumps({"spec": {"components": template}}))
    told(case, "FailedUpdate", "spec.components[w].template.spec.containers[engine].command", "InPlaceOnly")
    assert case.pods()["g-w-0"]["metadata"]["uid"] == uid
    assert condition(case, "RoleInstance", "g-w-0", "RoleInstanceReady")["status"] == "True"


@test
def a_quota_is_told_in_the_api_servers_words(case):
    case.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
    wait(lambda: case.api.request("GET", f"/api/v1/namespaces/{case.ns}/resourcequotas/few").get("status", {}).get("used"), 20,
         "the quota is counted")
    case.apply(group(3))
    words = "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
    told(case, "FailedScale", words)
    told(case, "RoleInstanceReady", words)
    told(case, "Ready", words, kind="RoleBasedGroup", name="g")
    wait(lambda: [c for c in case.pods()["g-w-0-0"]["status"]["conditions"] if c["type"] == "InPlaceUpdateReady"], 10,
         "the pod that is there has its gates")
    warnings = [e for e in case.list("Event") if e["reason"] == "FailedCreate" and e["involvedObject"]["name"] == "g-w-0"]
    assert len(warnings) == 1 and warnings[0].get("count", 1) == 1, warnings
    case.kubectl("delete", "resourcequota", "few")
    case.wait_ready("g", 45)
    wait(lambda: condition(case, "RoleInstance", "g-w-0", "FailedScale") is None, 10, "FailedScale is gone")


@test
def failed_pods_without_a_policy_are_replaced_ever_more_rarely(case):
    document = group(1)
    spec_of(document)["restartPolicy"] = "Never"
    document["spec"]["roles"][0]["standalonePattern"]["template"]["metadata"] = {"annotations": {"rbg-test/fail": "true"}}
    case.apply(document)
    message = told(case, "Restarting", "failed pods are replaced from", "exit code 1", seconds=30)
    uid = case.pods()["g-w-0"]["metadata"]["uid"]
    assert not changes_within(4, lambda: case.pods()["g-w-0"]["metadata"]["uid"] != uid), message
    assert condition(case, "RoleInstance", "g-w-0", "Restarting")["reason"] == "BackOff"
