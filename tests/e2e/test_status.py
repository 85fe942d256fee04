"""What a group says of itself: never that a rollout is done which is not, and within seconds what keeps it from being ready."""

import copy
import json
import threading
import time

from harness import cases, is_ready, test
from kube import wait

SECONDS = 2.5  # from the pod's own status to the group's; a loaded machine needs some of it


def group(image="registry.example.com/engine:1", replicas=3, name="told", **spec):
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": name},
            "spec": {"roles": [{"name": "w", "replicas": replicas, "standalonePattern": {"template": {"spec": {
                "containers": [{"name": "main", "image": image}], **spec}}}}]}}


def condition(o, kind):
    return next((c for c in o.get("status", {}).get("conditions", []) if c["type"] == kind), {})


def called_done(o):
    """kubectl wait, kstatus (Flux) and Argo CD, each by its own rules; the strictest is not asked: one suffices to mislead."""
    generation, status = o["metadata"]["generation"], o.get("status", {})
    ready = condition(o, "Ready")
    kubectl = ready.get("status") == "True" and ready.get("observedGeneration", status.get("observedGeneration")) >= generation
    kstatus = status.get("observedGeneration") == generation and condition(o, "Stalled").get("status") != "True" and \
        ready.get("status") == "True"
    return kubectl or kstatus


def runs(case, image, count):
    pods = list(case.pods().values())
    return len(pods) == count and all(p["spec"]["containers"][0]["image"] == image for p in pods)


@test
def nobody_is_told_too_early(case):
    case.apply(group())
    case.wait_ready("told")
    new, early, end = "registry.example.com/engine:2", [], threading.Event()
    applied = threading.Event()

    def watch():
        while not end.is_set():
            o = case.get("RoleBasedGroup", "told")
            if o["metadata"]["generation"] > 1 and called_done(o) and not runs(case, new, 3):
                early.append(o["status"])
            applied.set()
    watcher = threading.Thread(target=watch)
    watcher.start()
    applied.wait(10)
    case.apply(group(new))
    case.kubectl("wait", "--for=condition=Ready", "rbg/told", "--timeout=60s")
    at_the_end = runs(case, new, 3)
    end.set()
    watcher.join()
    assert at_the_end, "kubectl wait has returned before the rollout was over"
    assert not early, f"called done {len(early)} times, such as with {early[0]}"
    progressing = condition(case.get("RoleBasedGroup", "told"), "Progressing")
    assert progressing["status"] == "False" and progressing["reason"] == "Settled", progressing


@test
def a_held_rollout_is_where_it_was_sent(case):
    held = group("registry.example.com/engine:2")
    held["spec"]["roles"][0]["rolloutStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    case.apply(group())
    case.wait_ready("told")
    case.apply(held)
    case.kubectl("wait", "--for=condition=Ready", "rbg/told", "--timeout=60s")
    o = case.get("RoleBasedGroup", "told")
    assert condition(o, "RollingUpdateInProgress")["status"] == "True", o["status"]
    assert condition(o, "Progressing")["reason"] == "RolloutHeld", o["status"]
    assert o["status"]["instancesUpdated"] == "1/3", o["status"]


def pod_says(case, what):
    def said():
        for p in case.list("Pod"):
            if what in json.dumps(p.get("status", {})):
                return True
        return False
    return said


# name: (the group, what its pod says, what the group's Ready has to say, the reason in a word)
CAUSES = {
    "image": (group("nonexistent-registry.example.com/e:1", 2), "ImagePullBackOff", "told-w-0: pod told-w-0: container main: ", "ErrImagePull"),
    "unschedulable": (group(replicas=1, nodeSelector={"nowhere": "true"}), "Unschedulable", "told-w-0 waits for a node: ", "Unschedulable"),
}


@cases(**CAUSES)
def the_cause_is_told(case, what):
    document, of_pod, of_group, word = what
    case.apply(document)
    wait(pod_says(case, of_pod), 30, f"the pod says {of_pod}")
    start = time.monotonic()

    def told():
        ready = condition(case.get("RoleBasedGroup", "told"), "Ready")
        assert of_group in ready.get("message", ""), ready
        return ready
    wait(told, 20, "the group says why")
    took = time.monotonic() - start
    progressing = condition(case.get("RoleBasedGroup", "told"), "Progressing")
    assert progressing["status"] == "True" and progressing["reason"] == word, progressing
    line = case.kubectl("get", "rbg", "told", "--no-headers").stdout.split()
    assert word in line and "0/1" in line, line
    wide = case.kubectl("get", "rbg", "told", "--no-headers", "-o", "wide").stdout
    assert of_group in wide, wide
    assert "rolebasedgroup.workloads.x-k8s.io/told" in case.kubectl("get", "all", "-o", "name").stdout
    assert took < SECONDS, f"the group has it {took:.1f} s after the pod"


@test
def a_quota_is_told(case):
    case.api.create("ResourceQuota", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
                                      "spec": {"hard": {"pods": "1"}}}, case.ns)
    document = group(name="few")
    document["spec"]["roles"][0] = {"name": "w", "replicas": 1, "leaderWorkerPattern": {
        "size": 3, "template": document["spec"]["roles"][0]["standalonePattern"]["template"]}}
    case.apply(document)

    def told():
        o = case.get("RoleBasedGroup", "few")
        assert "exceeded quota" in condition(o, "Ready").get("message", ""), o.get("status")
        assert condition(o, "Progressing")["reason"] == "FailedScale", o["status"]
        return True
    wait(told, 20, "the group repeats the API server's words")
    case.kubectl("delete", "resourcequota", "few")
    case.wait_ready("few", 60)


@test
def what_waiting_cannot_mend_is_stalled_at_once(case):
    stateless = group(replicas=1)
    stateless["spec"]["roles"][0]["annotations"] = {"rbg.workloads.x-k8s.io/role-instance-pattern": "Stateless"}
    case.apply(stateless)

    def stalled():
        o = case.get("RoleBasedGroup", "told")
        assert condition(o, "Stalled").get("status") == "True" and condition(o, "Progressing")["status"] == "False", o.get("status")
        assert "Stateless" in condition(o, "Ready")["message"], o["status"]
        return True
    wait(stalled, 10, "the group is stalled")


@test
def a_healthy_start_and_rollout_have_no_warnings(case):
    document = group()
    document["spec"]["roles"].append({**copy.deepcopy(document["spec"]["roles"][0]), "name": "last", "replicas": 1, "dependencies": ["w"]})
    case.apply(document)
    case.wait_ready("told")
    for role in document["spec"]["roles"]:
        role["standalonePattern"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/engine:2"
    case.apply(document)
    case.kubectl("wait", "--for=condition=Ready", "rbg/told", "--timeout=60s")
    warnings = [(e["reason"], e["message"]) for e in case.list("Event") if e["type"] == "Warning"
                and e["involvedObject"]["kind"].startswith("Role")]
    assert not warnings, warnings


# ---- replicas that are left out, and the discovery mode that is lost ----

def adapted(image, version="v1alpha2", **more):
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    role = {"name": "decode", "scalingAdapter": {"enable": True}, **more}
    role |= {"standalonePattern": {"template": template}} if version == "v1alpha2" else {
        "workload": {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleInstanceSet"}, "template": template}
    return {"apiVersion": f"workloads.x-k8s.io/{version}", "kind": "RoleBasedGroup", "metadata": {"name": "g"}, "spec": {"roles": [role]}}


def kept(case, image):
    def is_so():
        o = case.get("RoleBasedGroup", "g")
        assert o["spec"]["roles"][0]["replicas"] == 3, o["spec"]
        assert runs(case, image, 3) and is_ready(o)
        return True
    wait(is_so, 60, f"three pods run {image}")


@test
def replicas_left_out_are_the_adapters(case):
    def send(how, document, *flags):
        return case.kubectl(how, *flags, "-f", "-", stdin=json.dumps(document))
    send("apply", adapted("e/eng:1"))
    case.wait_ready("g")
    assert case.get("RoleBasedGroup", "g")["spec"]["roles"][0]["replicas"] == 1  # the stored group shows a number
    wait(lambda: case.get("RoleBasedGroupScalingAdapter", "g-decode").get("status", {}).get("phase") == "Bound", 20, "bound")
    case.kubectl("scale", "rbgsa/g-decode", "--replicas=3")
    kept(case, "e/eng:1")
    send("apply", adapted("e/eng:1"))
    kept(case, "e/eng:1")
    send("apply", adapted("e/eng:2"))
    kept(case, "e/eng:2")
    send("replace", adapted("e/eng:3"))
    kept(case, "e/eng:3")
    send("apply", adapted("e/eng:4"), "--server-side", "--force-conflicts")
    kept(case, "e/eng:4")
    send("replace", adapted("e/eng:5", "v1alpha1"))
    kept(case, "e/eng:5")
    refused = case.kubectl("apply", "-f", "-", stdin=json.dumps(adapted("e/eng:6", replicas=2)), check=False)
    assert refused.returncode and "wants 3 replicas, not 2" in refused.stderr and "leave replicas out" in refused.stderr, refused.stderr


@test
def a_lost_discovery_mode_is_what_it_was(case):
    mode = "rbg.workloads.x-k8s.io/discovery-config-mode"
    case.apply(group(replicas=1))
    case.wait_ready("told")

    def names(n):
        text = case.get("ConfigMap", "told")["data"]["config.yaml"]
        assert all(f"told-w-{i}." in text for i in range(n)) and f"told-w-{n}." not in text, text
        return case.get("RoleBasedGroup", "told")["metadata"]["annotations"][mode] == "refine"
    for n, lose in ((2, lambda: case.kubectl("annotate", "rbg", "told", mode + "-")),
                    (3, lambda: case.kubectl("replace", "-f", "-", stdin=json.dumps(group(replicas=1))))):
        lose()
        case.patch_role("told", "w", replicas=n)
        case.wait_ready("told")
        wait(lambda: names(n), 10, f"the file names {n} pods")
