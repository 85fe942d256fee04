"""Replicas that die, are replaced, or can't reach the API server."""

import collections
import http.client
import json
import os
import socket
import ssl
import threading
import time

import install
from kube import ROOT, wait
from system import (DEPLOYMENT, NS, Load, bundles, endpoints, get, holder, is_ready, kill, kubectl, leader, name, own, pods, restarts,
                    rolled_out)

TAKEOVER_S = 20
OUTAGE_S = 60
# They are made by the manager, each under a name that says what it is for.
MADE = {"pods", "services", "configmaps", "roleinstancesets", "roleinstances", "controllerrevisions"}


def many_groups(case, first, count):
    """Small groups whose containers start at once."""
    pod = {"spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "c", "image": case.cluster.images[0], "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}]}}
    return [{"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": f"g{i}"},
             "spec": {"roles": [{"name": r, "replicas": 2, "standalonePattern": {"template": pod}} for r in ("a", "b")]}}
            for i in range(first, first + count)]


def made(case, since):
    """How often each object in the test's namespace was created by the manager, by the audit log."""
    counts = collections.Counter()
    for entry in case.cluster.audit(since):
        reference = entry.get("objectRef", {})
        created = entry["verb"] in ("create", "patch") and entry.get("responseStatus", {}).get("code") == 201
        if created and reference.get("namespace") == case.ns and reference.get("resource") in MADE \
                and ":rbgs-controller-sa" in entry["user"]["username"]:
            named = reference.get("name") or (entry.get("responseObject") or {}).get("metadata", {}).get("name")
            counts[reference["resource"], named] += 1
    return counts


@own
def the_other_leads_when_the_leader_is_killed(case):
    wait(lambda: leader(case), 30, "somebody leads")
    since = case.cluster.audit_size()
    dead, held = leader(case), holder(case)
    count = restarts(dead)
    case.apply(many_groups(case, 0, 3))
    wait(lambda: len(case.pods()) >= 3, 30, "it is in the middle of its work")
    kill(dead)
    begin = time.monotonic()
    # The other one's webhooks answer, once kube-proxy knows that the killed one's don't.
    wait(lambda: case.apply(many_groups(case, 3, 2)), TAKEOVER_S, "groups are admitted")
    # The killed one is started anew at once, so it may be the first to ask when the lease is over.
    wait(lambda: holder(case) not in ("", held), TAKEOVER_S - (time.monotonic() - begin), "another process leads")
    print(f"     {holder(case)} leads {time.monotonic() - begin:.1f} s after {held} was killed", flush=True)
    for i in range(5):
        case.wait_ready(f"g{i}", 60)
    assert len(case.pods()) == 20, sorted(case.pods())
    counts = made(case, since)
    twice = {what: n for what, n in counts.items() if n > 1}
    assert not twice, f"made more than once: {twice}"
    # What was under way when the leader died may be there without an answer in the log, and nothing else.
    counted = {what for kind, what in counts if kind == "pods"}
    assert counted <= set(case.pods()) and len(counted) >= 10, counts
    wait(lambda: all(is_ready(p) for p in pods(case)), 60, "both are ready again")
    assert [restarts(p) for p in pods(case) if name(p) == name(dead)] == [count + 1]


def review(case, pod):
    """Asks the pod itself, as the API server does: by the Service's name, and trusting what the API server trusts."""
    service = f"rbgs-webhook-service.{NS}.svc"
    context = ssl.create_default_context(cadata=bundles(case)[-1])
    connection = http.client.HTTPSConnection(service, 9443, context=context, timeout=10)
    # Only the address is the pod's.
    connection._create_connection = lambda _, timeout, source: socket.create_connection(
        (pod["status"]["podIP"], 9443), timeout)
    kind = {"group": "workloads.x-k8s.io", "version": "v1alpha2", "kind": "RoleBasedGroup"}
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u1", "operation": "CREATE", "kind": kind, "namespace": "default", "name": "x",
        "object": {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "x"},
                   "spec": {"roles": [{"name": "a", "dependencies": ["nobody"]}]}}}}
    connection.request("POST", "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", json.dumps(body),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    return json.loads(response.read())["response"]


@own
def every_replica_answers_webhooks(case):
    both = pods(case)
    assert len(both) == 2, [name(p) for p in both]
    for pod in both:
        answer = review(case, pod)
        assert answer["uid"] == "u1" and not answer["allowed"], answer
        assert "spec.roles[0].dependencies[0]" in answer["status"]["message"], answer
    addresses = {p["status"]["podIP"] for p in both}
    wait(lambda: endpoints(case, NS, "rbgs-webhook-service") == addresses, 60, "the Service has both")


@own
def a_rolling_update_fails_no_apply(case):
    before = {name(p) for p in pods(case)}
    with Load(case):
        kubectl(case, "rollout", "restart", DEPLOYMENT)
        rolled_out(case)
    after = pods(case)
    assert not before & {name(p) for p in after}
    assert all(restarts(p) == 0 for p in after)


@own
def the_api_server_away_for_a_minute(case):
    wait(lambda: all(is_ready(p) for p in pods(case)), 60, "both are ready")
    both = pods(case)
    counts = {name(p): restarts(p) for p in both}
    assert case.ns  # made now: it takes the controller manager a while to come back, too
    outage = threading.Thread(target=case.cluster.restart_api_server, args=(OUTAGE_S,))
    outage.start()
    begin = time.monotonic()
    unready, dead = {}, collections.Counter()
    while outage.is_alive():
        for pod in both:
            status, text = get(pod, "/readyz")
            if status == 503:
                unready.setdefault(name(pod), (time.monotonic() - begin, text))
            # A leader that can't renew its lease ends, once: another may lead by then.
            dead[name(pod)] += status == 0
            if name(pod) in unready and time.monotonic() - begin < OUTAGE_S:
                assert status != 200, f"{name(pod)} says {text} while there is no API server"
        time.sleep(0.5)
    print(f"     not ready: {unready}; did not answer: {dict(dead)}", flush=True)
    assert set(unready) == set(counts), f"said to be ready all the time: {set(counts) - set(unready)}"
    assert all(seconds < 25 for seconds, _ in unready.values()), unready
    assert all("API server has not answered" in text or "caches" in text for _, text in unready.values()), unready
    wait(lambda: all(is_ready(p) for p in pods(case)), 60, "both are ready again")
    for pod in pods(case):
        assert name(pod) in counts, "a pod was replaced"
        assert restarts(pod) <= counts[name(pod)] + 1, f"{name(pod)} crashes: {restarts(pod)} restarts"
    case.apply(many_groups(case, 0, 1))
    wait(lambda: len(case.pods()) == 4, 20, "the manager makes pods again")
    # kube-scheduler waits up to a minute between two tries then, and its first try, to go on watching pods where it was,
    # is answered "too old": pods may stay without a node for two minutes.
    case.wait_ready("g0", 180)
    # cert-manager's programs end without an API server and are started anew, later each time; the tests of certificates need them.
    wait(lambda: all(is_ready(p) for p in case.api.list("Pod", "cert-manager")), 180, "cert-manager is back")
    wait(lambda: endpoints(case, "cert-manager", "cert-manager-webhook"), 60, "its webhook has endpoints")


@own
def a_disruption_budget_over_that_of_another_manager(case):
    """Its minAvailable met the maxUnavailable that Helm had set: "cannot be both set"."""
    text = install.helm(case.cluster, "template", install.RELEASE, os.path.join(ROOT, "charts/rbg"), "--namespace", NS,
                        "--kube-version", "1.36", "--show-only", "templates/poddisruptionbudget.yaml",
                        "--set", "controller.podDisruptionBudget.minAvailable=1")
    case.cluster.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=text)
