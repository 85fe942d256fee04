"""helm test, upgrade, uninstall and install again: none of them touches a running group."""

import json

import install
import manager
from harness import changes_within, test
from kube import wait
from system import leader, name, pods

import test_groups as groups

NEEDS_RELEASE = True
SYSTEM = manager.NAMESPACE
# What a restart, a replacement or a rewrite would change, of everything that belongs to a group.
KINDS = ("RoleBasedGroup", "RoleInstanceSet", "RoleInstance", "Pod", "Service", "ConfigMap", "ControllerRevision")


def snapshot(case):
    seen = {}
    for kind in KINDS:
        for o in case.list(kind):
            metadata, statuses = o["metadata"], o.get("status", {}).get("containerStatuses", [])
            restarts = [(s["containerID"], s["restartCount"]) for s in statuses]
            # An object of which the manager writes the spec would get another generation; a pod without one, another version.
            seen[kind, metadata["name"]] = (metadata["uid"], metadata.get("generation"), restarts)
    return seen


def assert_same(case, before, when):
    now = snapshot(case)
    changed = [f"{key}: {value} -> {now.get(key)}" for key, value in before.items() if now.get(key) != value]
    changed += [f"{key} is new" for key in now if key not in before]
    assert not changed, f"{when}: " + "; ".join(changed)


def managers(case):
    """name -> the image that its container runs."""
    return {name(p): p["status"]["containerStatuses"][0]["imageID"] for p in pods(case)}


def leads(case):
    """One of the manager's present pods leads, so what it finds to do has been done soon."""
    wait(lambda: leader(case), 40, "one of the new pods leads")


def definitions(case):
    names = case.cluster.kubectl("get", "crd", "-o", "name").stdout.split()
    return sorted(n for n in names if n.endswith(".workloads.x-k8s.io"))


@test(alone=True)
def helm_test_says_what_works(case):
    text = install.helm(case.cluster, "test", install.RELEASE, "-n", SYSTEM, "--logs")
    assert "3 passed, 0 failed" in text and "FAIL" not in text, text
    # Its rights do not stay.
    left = case.cluster.kubectl("-n", SYSTEM, "get", "roles,rolebindings,serviceaccounts", "-o", "name").stdout
    assert "rbgs-test" not in left, left


@test(alone=True)
def helm_test_says_what_does_not_work(case):
    name = "mutatingwebhookconfiguration/rbgs-mutating-webhook-configuration"
    case.cluster.kubectl("delete", name)
    try:
        text = install.helm(case.cluster, "test", install.RELEASE, "-n", SYSTEM, "--logs", check=False)
        assert "FAIL" in text and "is the mutating configuration there?" in text, text
    finally:
        install.release(case.cluster)
    assert "3 passed, 0 failed" in install.helm(case.cluster, "test", install.RELEASE, "-n", SYSTEM, "--logs")


@test(alone=True)
def a_new_build_leaves_running_groups_alone(case):
    groups.start(case)
    before, old = snapshot(case), managers(case)
    install.image(case.cluster, "next", commit="feedbee")
    install.release(case.cluster, "next")
    now = managers(case)
    assert len(now) == len(old) and not set(now) & set(old), f"{old} -> {now}"
    assert not set(now.values()) & set(old.values()), f"the same image: {now}"
    assert "feedbee" in case.cluster.kubectl("-n", SYSTEM, "logs", next(iter(now)), "--tail=-1").stdout
    leads(case)
    changes_within(10, lambda: snapshot(case) != before)
    assert_same(case, before, "after the upgrade")
    # And it is the new one that acts.
    case.patch_role(groups.GROUP, "prefill", replicas=3)
    case.wait_ready(groups.GROUP, 60)
    after = snapshot(case)
    for name in groups.PODS:
        assert after["Pod", name] == before["Pod", name], f"{name}: {before['Pod', name]} -> {after['Pod', name]}"


@test(alone=True)
def groups_outlive_the_release(case):
    groups.start(case)
    before, crds = snapshot(case), definitions(case)
    install.helm(case.cluster, "uninstall", install.RELEASE, "-n", SYSTEM, "--wait")
    try:
        wait(lambda: not managers(case), 60, "the manager's pods are gone")
        changes_within(10, lambda: snapshot(case) != before)
        assert_same(case, before, "after helm uninstall")
        assert definitions(case) == crds and len(crds) == 10, definitions(case)
        left = case.cluster.kubectl("get", "-A", "-o", "name",
                                    "deployment,service,mutatingwebhookconfiguration,validatingwebhookconfiguration,clusterrole").stdout
        assert "rbgs-" not in left, left
        # The API is served and stores what is written, though nobody admits, converts or reconciles.
        case.patch_role(groups.GROUP, "prefill", replicas=3)
        done = case.kubectl("get", "rolebasedgroups.v1alpha1.workloads.x-k8s.io", groups.GROUP, check=False)
        assert done.returncode and "conversion webhook" in done.stderr, done.stderr + done.stdout
        case.kubectl("delete", "pod", "servers-prefill-0")
        wait(lambda: "servers-prefill-0" not in case.pods(), 30, "the pod is gone")
    finally:
        install.release(case.cluster)
    leads(case)
    case.wait_ready(groups.GROUP, 90)
    after = snapshot(case)
    for key, value in before.items():
        if key[0] == "Pod" and key[1] != "servers-prefill-0":
            assert after[key] == value, f"{key}: {value} -> {after[key]}"
    assert {"servers-prefill-0", "servers-prefill-2"} <= set(case.pods()), sorted(case.pods())
    done = case.kubectl("get", "rolebasedgroups.v1alpha1.workloads.x-k8s.io", groups.GROUP, "-o", "name")
    assert groups.GROUP in done.stdout
    assert definitions(case) == crds
