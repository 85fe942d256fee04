"""The manager's pods as they run in the cluster made here, seen from its host, and a steady load on their webhooks."""

import base64
import hashlib
import http.client
import json
import os
import signal
import ssl
import threading
import time

import install
import manager
from harness import test
from kube import wait

NS = manager.NAMESPACE
DEPLOYMENT = "deployment/rbgs-controller-manager"
PODS = "control-plane=rbgs-controller"


def own(function):
    """A test that changes the installation, or ends processes of the node: only on a cluster made here, and alone."""
    if os.environ.get("KUBECONFIG") or os.environ.get("RBG_INSTALL", "helm") != "helm":
        return function
    return test(function, alone=True)


def helm(case, **values):
    """The release with these values over those of the tests; returns when it is rolled out, and the old pods are gone."""
    install.release(case.cluster, **values)
    rolled_out(case)


def kubectl(case, *arguments, stdin=None, check=True):
    return case.cluster.kubectl("-n", NS, *arguments, stdin=stdin, check=check).stdout


def rolled_out(case):
    kubectl(case, "rollout", "status", DEPLOYMENT, "--timeout", "180s")
    wait(lambda: len(pods(case)) == 2, 60, "the old pods are gone")


def pods(case):
    """The manager's, but for those on their way out."""
    return [p for p in case.api.list("Pod", NS, PODS) if "deletionTimestamp" not in p["metadata"]]


def name(pod):
    return pod["metadata"]["name"]


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def restarts(pod):
    return sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))


def get(pod, path, port=8081):
    return manager.probe(pod["status"]["podIP"], port, path)


def metrics(pod, token):
    """The text that a user with the token is served."""
    connection = http.client.HTTPSConnection(pod["status"]["podIP"], 8443, timeout=10,
                                             context=ssl._create_unverified_context())
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 200, f"{response.status} {text}"
    return text


def served(pod):
    """The SHA-256 of the certificate that the pod's webhooks serve."""
    pem = ssl.get_server_certificate((pod["status"]["podIP"], 9443), timeout=5)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def all_serve(case, seconds, what, right):
    """Waits until the certificates that the pods serve are all equal, and `right`."""
    def agree():
        prints = {served(p) for p in pods(case)}
        assert len(prints) == 1, f"they serve {len(prints)} different ones"
        return right(prints.copy().pop()) and prints.pop()
    return wait(agree, seconds, what)


def bundles(case):
    """What the API server trusts: the CA bundles of all client configurations, as PEM."""
    found = []
    for crd in ("rolebasedgroups", "rolebasedgroupsets"):
        document = case.api.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}.workloads.x-k8s.io")
        found.append(document["spec"]["conversion"]["webhook"]["clientConfig"].get("caBundle", ""))
    for kind in ("validating", "mutating"):
        document = case.api.request("GET", f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations"
                                           f"/rbgs-{kind}-webhook-configuration")
        found += [hook["clientConfig"].get("caBundle", "") for hook in document["webhooks"]]
    return [base64.b64decode(text).decode() for text in found]


def endpoints(case, namespace, service):
    """The addresses of the Service that are ready."""
    slices = case.api.request("GET", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
                                     f"?labelSelector=kubernetes.io/service-name={service}")["items"]
    return {address for each in slices for endpoint in each["endpoints"] or [] if endpoint["conditions"]["ready"]
            for address in endpoint["addresses"]}


def holder(case):
    """Of the lease: host_pid_start, "" when nobody leads."""
    return case.api.get("Lease", NS, "rbg-controller")["spec"].get("holderIdentity") or ""


def leader(case):
    """The pod that holds the lease, or None."""
    host = holder(case).split("_")[0]
    return next((p for p in pods(case) if name(p) == host), None)


def kill(pod):
    """SIGKILL to the manager in the pod's container, found by the container's id."""
    container = pod["status"]["containerStatuses"][0]["containerID"].split("//")[1]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
                inside = container in f.read()
        except OSError:
            continue
        if inside:
            os.kill(int(pid), signal.SIGKILL)
            return
    raise AssertionError(f"no process of container {container} on this host")


# --- load ------------------------------------------------------------------------------------


def group(version, number):
    """Served and admitted by the webhooks; v1alpha1 is converted too."""
    pod = {"spec": {"containers": [{"name": "c", "image": "docker.io/library/busybox:1.36"}]}}
    role = ({"template": pod, "workload": {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleInstanceSet"}}
            if version == "v1alpha1" else {"standalonePattern": {"template": pod}})
    return {"apiVersion": f"workloads.x-k8s.io/{version}", "kind": "RoleBasedGroup",
            "metadata": {"name": f"load-{number}"}, "spec": {"roles": [{"name": "a", "replicas": 1, **role}]}}


class Load:
    """Server-side applies as dry runs, `rate` a second, from entering to leaving. Every fourth one is of v1alpha1. An answer 429
    with Retry-After is obeyed, as every client of Kubernetes does; that is how the API server says that it has just read a CRD
    again. Leaving fails if an apply failed, or if the machine was too busy for a fifth of them; the rate that was reached is printed."""

    WORKERS = 24
    PATIENCE_S = 20

    def __init__(self, case, rate=50):
        self.case, self.rate, self.namespace = case, rate, case.ns
        self.lock = threading.Lock()
        self.number, self.sent, self.retried, self.slowest = 0, 0, 0, 0.0
        self.failures = []
        self.stop = False
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(self.WORKERS)]

    def __enter__(self):
        # What was installed a moment ago may still wait for cainjector: that is not what the load is to find.
        wait(lambda: self.admitted(4), 60, "groups of both versions are admitted")
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        wait(lambda: self.sent > 20, 30, "the load has begun")
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            time.sleep(2)  # what comes late is part of it
        self.stop = True
        for thread in self.threads:
            thread.join()
        seconds = time.monotonic() - self.began
        print(f"     {self.sent} applies in {seconds:.0f} s ({self.sent / seconds:.0f}/s), {len(self.failures)} failed, {self.retried} were told to try again, "
              f"the slowest took {self.slowest:.1f} s", flush=True)
        if kind is None:
            assert not self.failures, f"{len(self.failures)} of {self.sent} failed, the first ones: {self.failures[:5]}"
            assert self.sent > 0.5 * self.rate * seconds, f"only {self.sent / seconds:.0f} applies a second"

    def admitted(self, count):
        """So many, one after the other."""
        for number in range(count):
            failure = self.apply(number, time.monotonic() + self.PATIENCE_S)
            assert failure is None, failure
        return True

    def work(self):
        while not self.stop:
            with self.lock:
                number = self.number
                self.number += 1
            pause = self.began + number / self.rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.one(number)

    def one(self, number):
        begin = time.monotonic()
        try:
            failure = self.apply(number, begin + self.PATIENCE_S)
        except (OSError, http.client.HTTPException) as e:
            failure = f"{type(e).__name__}: {e}"
            self.case.api.local.connection = None
        took = time.monotonic() - begin
        with self.lock:
            self.sent += 1
            self.slowest = max(self.slowest, took)
            if failure:
                self.failures.append(f"at {begin - self.began:.1f} s: {failure}")

    def apply(self, number, deadline):
        version = "v1alpha1" if number % 4 == 3 else "v1alpha2"
        path = (f"/apis/workloads.x-k8s.io/{version}/namespaces/{self.namespace}/rolebasedgroups/load-{number}"
                "?dryRun=All&fieldManager=load&force=true")
        body = json.dumps(group(version, number)).encode()
        while True:
            connection = self.case.api.connection()
            connection.request("PATCH", path, body, {"Content-Type": "application/apply-patch+yaml"})
            response = connection.getresponse()
            text = response.read().decode()
            if response.status < 300:
                return None
            after = response.getheader("Retry-After")
            if response.status != 429 or not after or time.monotonic() + float(after) > deadline:
                return f"{response.status} {text[:400]}"
            with self.lock:
                self.retried += 1
            time.sleep(float(after))
