"""Two managers, one lease: one works, and when it dies the other takes over."""

import time

from harness import is_ready, test
from kube import wait
from manager import NAMESPACE, USER, Manager

LEASE = "rbg-controller"
# The default: 15 s of a silent leader, looked at every 2 s.
TAKEOVER_S = 20


def holder(case):
    return case.api.get("Lease", NAMESPACE, LEASE)["spec"].get("holderIdentity", "")


def led_by(case, manager):
    """The identity is host_pid_start."""
    return holder(case).split("_")[1] == str(manager.pid)


@test(alone=True)
def the_other_takes_over(case):
    case.manager.stop()
    kubeconfig = case.cluster.script("user", USER)
    both = [Manager(case.cluster, case.run.build, kubeconfig, name, "--leader-elect",
                    webhook_port=case.manager.webhook_port if name == "first" else None) for name in ("first", "second")]
    try:
        for manager in both:
            manager.start()  # a replica that only waits is ready too: it answers webhooks
        wait(lambda: holder(case), 20, "somebody leads")
        leader, other = both if led_by(case, both[0]) else reversed(both)
        assert led_by(case, leader)
        take_over(case, leader, other)
    finally:
        for manager in both:
            manager.stop()
        case.manager.start()


def take_over(case, leader, other):
    # Whoever leads: the webhooks are in the first one, so groups are written while it lives.
    case.kubectl("apply", "-f", case.example("two-roles.yaml"))
    case.wait_ready("two-roles")
    assert "starting the controllers" not in other.log(1000), "both work"
    before = case.api.get("Lease", NAMESPACE, LEASE)["spec"]
    leader.kill()
    case.api.delete("Pod", case.ns, "two-roles-worker-0")
    start = time.monotonic()
    wait(lambda: led_by(case, other), TAKEOVER_S, "the other one leads")
    after = case.api.get("Lease", NAMESPACE, LEASE)["spec"]
    assert after["leaseTransitions"] == before.get("leaseTransitions", 0) + 1, after

    def works():
        pods = case.pods()
        assert len(pods) == 3, sorted(pods)
        return is_ready(case.get("RoleBasedGroup", "two-roles"))
    wait(works, 20, "the new leader has replaced the pod")
    assert time.monotonic() - start < TAKEOVER_S + 20
    # A leader that is asked to end gives the lease back at once.
    leader.start()
    wait(lambda: "controllers" not in leader.log(3), 1, "it waits")
    begin = time.monotonic()
    assert other.stop() == 0
    wait(lambda: led_by(case, leader), 8, "the released lease is taken without waiting for it to expire")
    assert time.monotonic() - begin < 8
