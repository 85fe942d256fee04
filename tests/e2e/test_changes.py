"""What a user does to a running group: scaling, updates, removal of roles, damage to its objects."""

from harness import is_ready, test
from kube import wait
from test_examples import addresses, check_addresses


def uids(pods):
    return {name: pod["metadata"]["uid"] for name, pod in pods.items()}


def start(case, manifest="two-roles.yaml", group="two-roles"):
    case.kubectl("apply", "-f", case.example(manifest))
    case.wait_ready(group)
    return case.pods()


def pods_become(case, names, seconds=30):
    def same():
        # Those on their way out count: a test that goes on must not meet them.
        found = sorted(p["metadata"]["name"] for p in case.list("Pod"))
        assert found == sorted(names), f"there are {found}"
        return True
    wait(same, seconds, f"the pods are {sorted(names)}")


def patch(case, group, body, kind="merge"):
    case.kubectl("patch", "rbg", group, "--type", kind, "-p", body)


def container_status(pod):
    return pod["status"]["containerStatuses"][0]


@test
def scaling_keeps_the_other_pods(case):
    before = start(case)
    patch(case, "two-roles", '[{"op": "replace", "path": "/spec/roles/1/replicas", "value": 4}]', "json")
    pods_become(case, [*before, "two-roles-worker-2", "two-roles-worker-3"])
    case.wait_ready("two-roles")
    grown = case.pods()
    assert uids(before).items() <= uids(grown).items()
    wait(lambda: len(addresses(case, "two-roles")) == 5, 10, "config.yaml names the new pods")
    check_addresses(case, "two-roles", grown)

    patch(case, "two-roles", '[{"op": "replace", "path": "/spec/roles/1/replicas", "value": 1}]', "json")
    pods_become(case, ["two-roles-router-0", "two-roles-worker-0"])
    case.wait_ready("two-roles")
    assert uids(case.pods()).items() <= uids(before).items()
    check_addresses(case, "two-roles", case.pods())


@test
def a_role_scaled_to_zero_is_ready_and_comes_back(case):
    start(case)
    case.patch_role("two-roles", "worker", replicas=0)
    pods_become(case, ["two-roles-router-0"])
    case.wait_ready("two-roles")
    case.patch_role("two-roles", "worker", replicas=1)
    pods_become(case, ["two-roles-router-0", "two-roles-worker-0"])
    case.wait_ready("two-roles")


@test
def a_new_image_is_rolled_out_in_place(case):
    before = start(case)
    patch(case, "two-roles", '[{"op": "replace", "path": "/spec/roles/1/standalonePattern/template/spec/containers/0/image",'
                             ' "value": "registry.example.com/engine:2.0"}]', "json")

    def rolled():
        now = case.pods()
        assert uids(now) == uids(before), f"pods were replaced: {uids(before)} became {uids(now)}"
        for name, pod in now.items():
            want = ("registry.example.com/engine:2.0", 1) if "worker" in name else ("docker.io/library/busybox:1.36", 0)
            status = container_status(pod)
            assert (status["image"], status["restartCount"]) == want, f"{name}: {status['image']}, {status['restartCount']}"
        return True
    wait(rolled, 40, "both workers restarted in place with the new image")
    case.wait_ready("two-roles")
    rolled()  # and once only
    revisions = [r["revision"] for r in case.list("ControllerRevision") if r["metadata"]["name"].startswith("two-roles-worker-")
                 and r["metadata"]["ownerReferences"][0]["kind"] == "RoleInstanceSet"]
    assert sorted(revisions) == [1, 2], revisions


@test
def a_new_image_never_takes_more_than_max_unavailable(case):
    start(case)
    case.patch_role("two-roles", "worker", replicas=3)
    case.wait_ready("two-roles")
    worst = 3
    case.patch_role("two-roles", "worker", standalonePattern={"template": {"spec": {"containers": [
        {"name": "engine", "image": "registry.example.com/engine:2.0"}]}}})

    def done():
        nonlocal worst
        pods = [p for name, p in case.pods().items() if "worker" in name]
        worst = min(worst, sum(c["status"] == "True" for p in pods for c in p["status"].get("conditions", []) if c["type"] == "Ready"))
        group = case.get("RoleBasedGroup", "two-roles")
        assert all(p["spec"]["containers"][0]["image"].endswith(":2.0") for p in pods)
        return is_ready(group)
    wait(done, 60, "the rollout ends")
    assert worst >= 2, f"only {worst} of 3 workers were ready at one moment; maxUnavailable is 1"


@test
def a_new_environment_replaces_the_pods(case):
    before = start(case)
    patch(case, "two-roles", '[{"op": "add", "path": "/spec/roles/1/standalonePattern/template/spec/containers/0/env",'
                             ' "value": [{"name": "SPEED", "value": "fast"}]}]', "json")

    def replaced():
        now = case.pods()
        assert sorted(now) == sorted(before), sorted(now)
        for name, pod in now.items():
            same = pod["metadata"]["uid"] == before[name]["metadata"]["uid"]
            assert same == ("router" in name), f"{name} is {'the same' if same else 'another one'}"
        return True
    wait(replaced, 40, "the workers are other pods, the router is the same")
    case.wait_ready("two-roles")
    replaced()


@test
def a_removed_role_goes_and_the_others_stay(case):
    before = start(case, "prefill-decode.yaml", "pd")
    group = case.get("RoleBasedGroup", "pd")
    roles = [r for r in group["spec"]["roles"] if r["name"] != "prefill"]
    roles[0]["dependencies"] = ["decode"]
    case.api.merge("RoleBasedGroup", case.ns, "pd", {"spec": {"roles": roles}})
    left = {n: p for n, p in before.items() if "prefill" not in n}
    pods_become(case, left)
    case.wait_ready("pd")
    assert uids(case.pods()) == uids(left)
    names = [o["metadata"]["name"] for kind in ("RoleInstanceSet", "Service") for o in case.list(kind)]
    assert not [n for n in names if "prefill" in n], names
    statuses = [r["name"] for r in case.get("RoleBasedGroup", "pd")["status"]["roleStatuses"]]
    assert statuses == ["router", "decode"], statuses
    wait(lambda: check_addresses(case, "pd", case.pods()) is None, 10, "config.yaml lacks the role")


@test
def damage_is_repaired(case):
    before = start(case)
    case.api.delete("Service", case.ns, "s-two-roles-worker")
    case.api.merge("ConfigMap", case.ns, "two-roles", {"data": {"config.yaml": "spoilt"}})
    case.api.delete("RoleInstance", case.ns, "two-roles-worker-1")
    case.api.merge("RoleInstanceSet", case.ns, "two-roles-router", {"spec": {"replicas": 3}})

    def repaired():
        case.get("Service", "s-two-roles-worker")
        assert case.get("RoleInstanceSet", "two-roles-router")["spec"]["replicas"] == 1
        now = case.pods()
        assert sorted(now) == sorted(before), sorted(now)
        assert uids(now)["two-roles-worker-1"] != uids(before)["two-roles-worker-1"]
        assert uids(now)["two-roles-worker-0"] == uids(before)["two-roles-worker-0"]
        check_addresses(case, "two-roles", now)
        return is_ready(case.get("RoleBasedGroup", "two-roles"))
    wait(repaired, 40, "all is as it was")


@test
def a_deleted_pod_comes_back_under_its_name(case):
    before = start(case)
    case.api.delete("Pod", case.ns, "two-roles-worker-0")

    def back():
        now = case.pods()
        assert sorted(now) == sorted(before), sorted(now)
        return uids(now)["two-roles-worker-0"] != uids(before)["two-roles-worker-0"]
    wait(back, 30, "another pod has the name")
    case.wait_ready("two-roles")


@test
def a_role_starts_when_those_it_depends_on_are_ready(case):
    def role(name, **more):
        return {"name": name, "replicas": 1, "standalonePattern": {"template": {"spec": {
            "containers": [{"name": "c", "image": "e/i:1"}], **more.pop("spec", {})}}}, **more}
    case.apply({"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
                "metadata": {"name": "order", "namespace": case.ns},
                "spec": {"roles": [role("late", dependencies=["slow"]), role("free"),
                                   role("slow", spec={"nodeSelector": {"e2e-order": "now"}})]}})

    def waits():
        conditions = {c["type"]: c for c in case.get("RoleBasedGroup", "order")["status"]["conditions"]}
        phases = {n: p["status"]["phase"] for n, p in case.pods().items()}
        assert phases == {"order-free-0": "Running", "order-slow-0": "Pending"}, phases
        return conditions["Ready"]["status"] == "False" and "slow" in conditions["Ready"]["message"]
    wait(waits, 30, "the independent roles start, the group is not Ready and says why")
    sets = [r["metadata"]["name"] for r in case.list("RoleInstanceSet")]
    assert sorted(sets) == ["order-free", "order-slow"], sets
    case.kubectl("label", "node", "fake-1", "e2e-order=now")
    case.wait_ready("order")
    assert sorted(case.pods()) == ["order-free-0", "order-late-0", "order-slow-0"]


@test
def the_shared_services_selector_follows(case):
    """spec.selector is atomic: a key that is wanted no more is no other manager's."""
    group = {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "sel"},
             "spec": {"roles": [{"name": "w", "replicas": 1,
                                 "leaderWorkerPattern": {"size": 2, "sharedServiceSelection": "LeaderOnly", "template": {
                                     "spec": {"containers": [{"name": "c", "image": "registry.example/app:1"}]}}}}]}}
    component = "rbg.workloads.x-k8s.io/component-name"

    def service():
        return case.list("Service", "rbg.workloads.x-k8s.io/group-name=sel")[0]

    def selects(leader_only):
        wait(lambda: (service()["spec"]["selector"].get(component) == "leader") == leader_only, 10,
             f"the Service selects {'the leaders' if leader_only else 'all pods'}")
    case.apply(group)
    case.wait_ready("sel")
    uid = service()["metadata"]["uid"]
    selects(True)
    for selection in ("All", "LeaderOnly", "All"):
        group["spec"]["roles"][0]["leaderWorkerPattern"]["sharedServiceSelection"] = selection
        case.apply(group)
        selects(selection == "LeaderOnly")
    assert service()["metadata"]["uid"] == uid
