"""Autoscaling of roles: through the scale subresource by hand, and by Kubernetes' own HorizontalPodAutoscaler."""

import json

import test_recorded
from harness import test
from kube import ApiError, wait
from test_changes import pods_become

GROUP = {
    "apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "served"},
    "spec": {"roles": [
        {"name": "router", "replicas": 1, "standalonePattern": {"template": {"spec": {
            "containers": [{"name": "main", "image": "registry.example.com/router:1"}]}}}},
        {"name": "engine", "replicas": 2, "scalingAdapter": {"enable": True, "labels": {"scale": "me"}},
         "leaderWorkerPattern": {"size": 2, "template": {"spec": {
             "containers": [{"name": "main", "image": "registry.example.com/engine:1"}]}}}},
    ]},
}


def adapter(case):
    return case.get("RoleBasedGroupScalingAdapter", "served-engine")


def replicas(case):
    return case.get("RoleBasedGroup", "served")["spec"]["roles"][1]["replicas"]


def start(case):
    case.apply(GROUP)
    case.wait_ready("served")
    wait(lambda: adapter(case).get("status", {}).get("readyReplicas") == 2, 20, "the adapter is bound and sees two instances ready")


def pods(n):
    return ["served-router-0"] + [f"served-engine-{i}-{k}" for i in range(n) for k in range(2)]


@test
def a_role_is_scaled_by_hand(case):
    """kubectl scale, as any program does that knows the scale subresource; the group says so, and keeps it."""
    start(case)
    case.kubectl("scale", "rbgsa/served-engine", "--replicas=3")
    pods_become(case, pods(3))
    case.wait_ready("served")
    assert replicas(case) == 3
    wait(lambda: adapter(case)["status"]["readyReplicas"] == 3, 20, "the adapter sees three")
    status = adapter(case)["status"]
    assert status["replicas"] == 3 and status["phase"] == "Bound" and "lastScaleTime" in status, status
    # The leaders of the instances are what is measured.
    found = case.kubectl("get", "pods", "-l", status["selector"], "-o", "name").stdout.split()
    assert sorted(found) == [f"pod/served-engine-{i}-0" for i in range(3)], found
    columns = case.kubectl("get", "rbgsa").stdout.splitlines()
    assert columns[1].split()[:4] == ["served-engine", "Bound", "3", "3"], columns

    # What was applied says two: who wants that has to say it to the adapter, and is told so.
    refused = case.kubectl("apply", "-f", "-", stdin=json.dumps(GROUP), check=False)
    assert refused.returncode != 0 and 'adapter "served-engine", which wants 3 replicas' in refused.stderr, refused.stderr
    case.kubectl("scale", "rbgsa/served-engine", "--replicas=1")
    pods_become(case, pods(1))
    wait(lambda: replicas(case) == 1, 20, "the group has the adapter's count")
    reasons = {e["reason"] for e in case.list("Event") if e["involvedObject"]["kind"] == "RoleBasedGroupScalingAdapter"}
    assert reasons == {"SuccessfulBound", "SuccessfulScale"}, reasons


@test
def kubernetes_autoscales_a_role(case):
    """No metrics are served here, so what the autoscaler does is to keep its bounds; the way is the same."""
    start(case)

    def bounds(low, high):
        case.apply({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "served"}, "spec": {
            "minReplicas": low, "maxReplicas": high, "scaleTargetRef": {
                "apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroupScalingAdapter", "name": "served-engine"}}})
    bounds(4, 6)
    wait(lambda: replicas(case) == 4, 60, "the autoscaler has scaled the role up")
    pods_become(case, pods(4), 60)
    bounds(1, 3)
    wait(lambda: replicas(case) == 3, 60, "the autoscaler has scaled the role down")
    pods_become(case, pods(3), 60)
    conditions = json.loads(case.kubectl("get", "hpa", "served", "-o", "json").stdout)["status"]["conditions"]
    able = next(c for c in conditions if c["type"] == "AbleToScale")
    assert able["status"] == "True", conditions


@test
def the_adapter_goes_when_it_is_switched_off(case):
    start(case)
    case.kubectl("scale", "rbgsa/served-engine", "--replicas=3")
    wait(lambda: replicas(case) == 3, 20, "the group has the adapter's count")
    case.kubectl("patch", "rbg", "served", "--type", "json", "-p",
                 '[{"op": "replace", "path": "/spec/roles/1/scalingAdapter/enable", "value": false}]')

    def gone():
        try:
            adapter(case)
        except ApiError as e:
            return e.status == 404
        return False
    wait(gone, 20, "the adapter is gone")
    case.patch_role("served", "engine", replicas=1) # free again
    pods_become(case, pods(1))


if test_recorded.FOLDER != "none":
    @test
    def an_adapter_is_as_recorded(case):
        """Of the recorded case only the adapter is compared: the pods get another container, which is a decision."""
        def comparable(o):
            meta = o["metadata"]
            owners = [{k: v for k, v in r.items() if k != "uid"} for r in meta["ownerReferences"]]
            return {"labels": meta["labels"], "owners": owners, "generation": meta["generation"], "spec": o["spec"],
                    "status": o.get("status")}
        name, ns = "10-adapter-runtime", test_recorded.NAMESPACE
        test_recorded.shared_namespace(case)
        for document in test_recorded.read(case, name, "in.yaml"):
            if document["kind"] == "ClusterEngineRuntimeProfile":
                case.api.create("ClusterEngineRuntimeProfile", document)
        case.api.create("RoleBasedGroup", test_recorded.stored(case, name, 1), ns)
        want = next(comparable(o) for o in test_recorded.read(case, name, "out-1.yaml")
                    if o["kind"] == "RoleBasedGroupScalingAdapter")

        def same():
            got = comparable(case.api.get("RoleBasedGroupScalingAdapter", ns, "ar-w"))
            assert got == want, f"{got} instead of {want}"
            return True
        wait(same, 60, "the adapter is the recorded one")
