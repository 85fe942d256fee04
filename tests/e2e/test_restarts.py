"""The restart policy: an instance whose pod crashed is made anew as a whole, at its time, once."""

from datetime import datetime, timezone

from harness import changes_within, test
from kube import wait
from test_changes import start, uids

INSTANCE = "pd-decode-1"
LEADER, WORKER = "pd-decode-1-0", "pd-decode-1-2"
MATES = {"pd-decode-1-0", "pd-decode-1-1", "pd-decode-1-2"}


def crash(case, name):
    """What a kubelet tells of a container that ended and runs again."""
    container = case.get("Pod", name)["status"]["containerStatuses"][0]
    container["restartCount"] += 1
    container["lastState"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": now().isoformat()}}
    case.api.merge("Pod", case.ns, name, {"status": {"containerStatuses": [container]}}, "status")


def evict(case, name):
    case.api.merge("Pod", case.ns, name, {"metadata": {"annotations": {"rbg-test/fail": "Evicted"}}})


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)


def replaced(case, before, names, seconds=60):
    """Those pods are others, the rest are the same, all are there, and the group is ready."""
    def done():
        pods = uids(case.pods())
        changed = {n for n, uid in uids(before).items() if pods.get(n) != uid}
        assert sorted(pods) == sorted(before) and changed == set(names), f"changed: {sorted(changed)}, there are {sorted(pods)}"
        return True
    wait(done, seconds, f"{sorted(names)} are other pods, and no others")
    case.wait_ready("pd", 40)
    done()
    return case.pods()


def status(case):
    return case.get("RoleInstance", INSTANCE)["status"]


def condition(case, kind):
    return next((c for c in status(case)["conditions"] if c["type"] == kind), None)


def set_policy(case, **config):
    pattern = next(r for r in case.get("RoleBasedGroup", "pd")["spec"]["roles"] if r["name"] == "decode")["leaderWorkerPattern"]
    pattern["restartPolicyConfig"] = config
    case.patch_role("pd", "decode", leaderWorkerPattern=pattern)

    def carried():
        for kind, name in (("RoleInstance", "pd-decode-0"), ("RoleInstance", INSTANCE)):
            seen = case.get(kind, name)
            got = seen["spec"]["restartPolicyConfig"]
            assert config.items() <= got.items(), f"{kind} {name} has {got}"
            assert seen["status"]["observedGeneration"] == seen["metadata"]["generation"]
        return True
    wait(carried, 30, f"every instance has {config}")
    case.wait_ready("pd", 40)


@test
def a_restarted_pod_takes_its_instance_along(case):
    """restartPolicyConfig RecreateRoleInstanceOnPodRestart of a leader with its workers."""
    before = start(case, "prefill-decode.yaml", "pd")
    crash(case, WORKER)
    replaced(case, before, MATES)
    wait(lambda: condition(case, "Restarting") is None, 20, "condition Restarting is gone")
    assert status(case)["restartCount"] == 1, status(case)
    evidence = condition(case, "Failed")
    assert evidence["status"] == "False" and f"pod {WORKER}: container engine ended with exit code 137 (OOMKilled)" in evidence["message"]
    wait(lambda: [e for e in case.list("Event") if e["reason"] == "ReCreateInstance" and e["involvedObject"]["name"] == INSTANCE],
         20, "there is an event")
    assert "restartCount" not in case.get("RoleInstance", "pd-decode-0")["status"]


@test
def an_evicted_pod_takes_its_instance_along(case):
    before = start(case, "prefill-decode.yaml", "pd")
    evict(case, LEADER)
    replaced(case, before, MATES)
    assert "Evicted" in condition(case, "Failed")["message"]


@test
def one_pod_alone_is_replaced_without_a_crash_or_a_policy(case):
    before = start(case, "prefill-decode.yaml", "pd")
    case.api.delete("Pod", case.ns, WORKER)
    between = replaced(case, before, {WORKER})
    evict(case, "pd-prefill-0")
    after = replaced(case, between, {"pd-prefill-0"})
    set_policy(case, type="None")
    evict(case, LEADER)
    replaced(case, after, {LEADER})
    assert status(case)["restartCount"] == 1  # a failed pod counts, so that the next one waits


@test
def the_next_recreation_waits_for_its_backoff(case):
    start(case, "prefill-decode.yaml", "pd")
    set_policy(case, type="RecreateRoleInstanceOnPodRestart", baseDelaySeconds=15, maxDelaySeconds=60)
    before = case.pods()
    evict(case, WORKER)
    between = replaced(case, before, MATES)
    first = datetime.fromisoformat(status(case)["lastRestartTime"])
    evict(case, WORKER)
    waits = wait(lambda: (c := condition(case, "Restarting")) and c["reason"] == "BackOff" and c, 10, "it says that it waits")
    assert waits["status"] == "False" and WORKER in waits["message"], waits
    assert not changes_within(3, lambda: uids(case.pods()) != uids(between)), "a pod was touched during the backoff"
    replaced(case, between, MATES)
    second = datetime.fromisoformat(status(case)["lastRestartTime"])
    assert 15 <= (second - first).total_seconds() <= 20 and status(case)["restartCount"] == 2, f"{first}, {second}, {status(case)}"


@test
def at_the_limit_it_gives_up_until_the_spec_changes(case):
    start(case, "prefill-decode.yaml", "pd")
    set_policy(case, type="RecreateRoleInstanceOnPodRestart", maxRestarts=0)
    before = case.pods()
    evict(case, WORKER)
    failed = wait(lambda: (c := condition(case, "Failed")) and c["status"] == "True" and c, 20, "condition Failed")
    assert failed["reason"] == "RestartLimitExceeded" and f"First failure: pod {WORKER} failed: Evicted" in failed["message"], failed
    assert not changes_within(5, lambda: uids(case.pods()) != uids(before)), "a pod was touched although it has given up"
    assert condition(case, "RoleInstanceReady")["status"] == "False"
    set_policy(case, type="RecreateRoleInstanceOnPodRestart", maxRestarts=3)
    assert condition(case, "Failed") is None or condition(case, "Failed")["status"] == "False"
    assert uids(case.pods())[WORKER] != uids(before)[WORKER]


@test
def a_new_image_is_no_crash(case):
    before = start(case, "prefill-decode.yaml", "pd")
    pattern = next(r for r in case.get("RoleBasedGroup", "pd")["spec"]["roles"] if r["name"] == "decode")["leaderWorkerPattern"]
    for image in ("registry.example.com/engine:2.0", "registry.example.com/engine:3.0"):
        pattern["template"]["spec"]["containers"][0]["image"] = image
        case.patch_role("pd", "decode", leaderWorkerPattern=pattern)

        def rolled(image=image):
            for name, pod in case.pods().items():
                if "decode" in name:
                    assert pod["status"]["containerStatuses"][0]["image"] == image, name
            return True
        wait(rolled, 60, f"all run {image}")
        case.wait_ready("pd", 40)
    assert not changes_within(10, lambda: uids(case.pods()) != uids(before)), "the manager's own restarts were taken for crashes"
    crash(case, WORKER)
    replaced(case, before, MATES)


@test(alone=True)
def a_manager_that_is_killed_meanwhile_recreates_once(case):
    before = start(case, "prefill-decode.yaml", "pd")
    for name in MATES:
        case.api.merge("Pod", case.ns, name, {"metadata": {"annotations": {"rbg-test/linger": "true"}}})
    crash(case, WORKER)
    wait(lambda: status(case).get("restartCount") == 1, 30, "the recreation is counted")
    case.manager.kill()
    case.manager.start()
    wait(lambda: not MATES & set(case.pods()), 30, "all old pods are being deleted")
    for name in MATES:
        case.api.merge("Pod", case.ns, name, {"metadata": {"annotations": {"rbg-test/linger": None}}})
    replaced(case, before, MATES)
    assert status(case)["restartCount"] == 1, status(case)
    created = [e for e in case.list("Event") if e["reason"] == "ReCreateInstance"]
    assert sum(e.get("count") or 1 for e in created) <= 1, created
