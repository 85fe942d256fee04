"""Certificates that change, end and break while the manager runs. What is applied meanwhile never fails."""

import base64
import os
import re
import subprocess
import tempfile
import time

import install
from kube import ROOT, wait
from system import (DEPLOYMENT, NS, PODS, Load, all_serve, bundles, get, helm, is_ready, kubectl, metrics, name, own, pods,
                    restarts, rolled_out, served)

SERVING = "rbgs-webhook-server-cert"
SELF_MANAGED = "rbgs-webhook-cert"
BEGIN = "-----BEGIN CERTIFICATE-----"


def secret(case, which, key):
    data = case.api.request("GET", f"/api/v1/namespaces/{NS}/secrets/{which}")["data"]
    return base64.b64decode(data[key]).decode()


def script(case, file, *arguments, directory=ROOT, code=0):
    """One of certs/, with the cluster's kubectl on the PATH; what it prints. code: how it is to end."""
    path = os.path.dirname(case.cluster.kubectl_path) + os.pathsep + os.environ["PATH"]
    done = subprocess.run([os.path.join(ROOT, "certs", file), *arguments], cwd=directory, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "KUBECONFIG": case.cluster.kubeconfig, "PATH": path})
    assert done.returncode == code, f"{file} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def goes_over(case, file, *arguments):
    """A script by which the manager no longer makes the certificate. The managers that did are gone afterwards: while they run
    they put their CA back, even though the rollout is over as soon as they are told to end."""
    old = {name(p) for p in pods(case)}
    script(case, file, *arguments)
    left = old & {name(p) for p in case.api.list("Pod", NS, PODS)}
    assert not left, f"still there: {left}"


def poke(case):
    """The kubelet looks at a mounted Secret when it next looks at the pod, which may take it a minute; a change is a reason to."""
    kubectl(case, "annotate", "pods", "-l", PODS, "--overwrite", f"rbg-test/poke={time.time()}")


def renew(case, certificate):
    """As cmctl renew does."""
    case.api.request("PATCH", f"/apis/cert-manager.io/v1/namespaces/{NS}/certificates/{certificate}/status",
                     [{"op": "add", "path": "/status/conditions/-", "value": {
                         "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "a test",
                         "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}],
                     "application/json-patch+json")


def renewed(case, certificate, which):
    """Renews it; returns when its Secret has changed."""
    before = secret(case, which, "tls.crt")
    renew(case, certificate)
    wait(lambda: secret(case, which, "tls.crt") != before, 60, f"cert-manager has renewed {certificate}")


def trusted_cas(case):
    """The certificates in the bundles, which must be the same everywhere."""
    texts = set(bundles(case))
    assert len(texts) == 1, f"{len(texts)} different bundles"
    return texts.pop().count(BEGIN)


def key_of(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, stdout=subprocess.PIPE, text=True, check=True).stdout


@own
def cert_manager_renews(case):
    """The certificate, then the CA, whose key stays, then what that CA signs."""
    before = {name(p): restarts(p) for p in pods(case)}
    old = all_serve(case, 10, "all serve the same", lambda _: True)
    ca = secret(case, "rbgs-ca-cert", "tls.crt")
    with Load(case):
        renewed(case, "rbgs-serving-cert", SERVING)
        poke(case)
        second = all_serve(case, 150, "all serve the renewed certificate", lambda it: it != old)
        renewed(case, "rbgs-ca", "rbgs-ca-cert")
        renewed(case, "rbgs-serving-cert", SERVING)
        poke(case)
        all_serve(case, 150, "all serve what the renewed CA has signed", lambda it: it not in (old, second))
        wait(lambda: set(bundles(case)) == {secret(case, SERVING, "ca.crt")}, 60, "the renewed CA is trusted")
    fresh = secret(case, "rbgs-ca-cert", "tls.crt")
    assert fresh != ca and key_of(fresh) == key_of(ca)
    assert {name(p): restarts(p) for p in pods(case)} == before, "pods were replaced or restarted"


@own
def a_ca_with_a_new_key_by_the_script(case):
    old, ca = served(pods(case)[0]), secret(case, "rbgs-ca-cert", "tls.crt")
    with Load(case):
        script(case, "rotate-ca.sh")
    rolled_out(case)
    all_serve(case, 10, "all serve the new certificate", lambda it: it != old)
    fresh = secret(case, "rbgs-ca-cert", "tls.crt")
    assert key_of(fresh) != key_of(ca)
    assert set(bundles(case)) == {fresh}
    helm(case)  # finds nothing to complain about


@own
def ready_when_trusted(case):
    """Where cainjector has still to write the CA, a replica that starts is not ready, says why, and then becomes it by itself."""
    def cainjector(replicas):
        case.cluster.kubectl("-n", "cert-manager", "scale", "deployment/cert-manager-cainjector", f"--replicas={replicas}")

    configuration = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/rbgs-mutating-webhook-configuration"
    hooks = len(case.api.request("GET", configuration)["webhooks"])
    old = [name(p) for p in pods(case)]
    cainjector(0)
    try:
        wait(lambda: not case.api.list("Pod", "cert-manager", "app.kubernetes.io/component=cainjector"), 60, "cainjector is gone")
        case.api.request("PATCH", configuration, [{"op": "remove", "path": f"/webhooks/{i}/clientConfig/caBundle"}
                                                  for i in range(hooks)], "application/json-patch+json")
        kubectl(case, "delete", "pod", old[0], "--wait=false")
        fresh = wait(lambda: next((p for p in pods(case) if name(p) not in old and p["status"].get("podIP")), None), 60, "a new pod")
        wait(lambda: "MutatingWebhookConfiguration rbgs-mutating-webhook-configuration" in kubectl(case, "logs", name(fresh), check=False),
             60, "the new pod's log says what it waits for")
        status, text = get(fresh, "/readyz")
        assert status == 503 and "cainjector" in text, (status, text)
        assert get(next(p for p in pods(case) if name(p) == old[1]), "/readyz")[0] == 200, "a replica that was ready is so no more"
    finally:
        cainjector(1)
    wait(lambda: all(is_ready(p) for p in pods(case)) and len(pods(case)) == 2, 120, "both are ready")
    assert all(text.count(BEGIN) for text in bundles(case)), bundles(case)


# --- the self-managed certificate ----------------------------------------------------------------


def short_lived(case):
    """A certificate by the same CA that ends too soon: the manager renews it."""
    with tempfile.TemporaryDirectory() as folder:
        def path(file):
            return os.path.join(folder, file)
        for key in ("ca-cert.pem", "ca-key.pem"):
            with open(path(key), "w", encoding="ascii") as f:
                f.write(secret(case, SELF_MANAGED, key))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "20",
                "-CA", path("ca-cert.pem"), "-CAkey", path("ca-key.pem"), "-subj", "/CN=short",
                "-addext", f"subjectAltName=DNS:rbgs-webhook-service.{NS}.svc", "-addext", "basicConstraints=critical,CA:false",
                "-addext", "extendedKeyUsage=serverAuth", "-keyout", path("key"), "-out", path("crt"))
        pair = {file: base64.b64encode(open(path(file), "rb").read()).decode() for file in ("crt", "key")}
    case.api.request("PATCH", f"/api/v1/namespaces/{NS}/secrets/{SELF_MANAGED}", {"data": {
        "cert.pem": pair["crt"], "tls.crt": pair["crt"], "key.pem": pair["key"], "tls.key": pair["key"]}},
        "application/merge-patch+json")


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


@own
def the_self_managed_certificate(case):
    """It is renewed, its CA is replaced, and both replicas are restarted in turn amid that."""
    helm(case, **{"certManager.enabled": "false"})
    try:
        wait(lambda: all(is_ready(p) for p in pods(case)), 60, "both are ready")
        # They used to end when the other one wrote the CA first.
        assert [restarts(p) for p in pods(case)] == [0, 0]
        first = all_serve(case, 30, "both serve the same", lambda _: True)
        ca = secret(case, SELF_MANAGED, "ca-cert.pem")
        with Load(case):
            short_lived(case)
            second = all_serve(case, 60, "both serve the renewed certificate", lambda it: it != first)
            assert secret(case, SELF_MANAGED, "ca-cert.pem") == ca
            kubectl(case, "delete", "secret", SELF_MANAGED)
            wait(lambda: secret(case, SELF_MANAGED, "ca-cert.pem") != ca, 30, "there is a new CA")
            wait(lambda: trusted_cas(case) >= 2, 30, "both CAs are trusted")
            for pod in pods(case):
                kubectl(case, "delete", "pod", name(pod), "--wait=true")
                wait(lambda: len(pods(case)) == 2 and all(is_ready(p) for p in pods(case)), 60, "there are two again")
            all_serve(case, 60, "both serve what the new CA has signed", lambda it: it not in (first, second))
            assert trusted_cas(case) >= 2  # for an hour
        assert all(restarts(p) == 0 for p in pods(case))
    finally:
        helm(case, **{"certManager.enabled": "true"})
    wait(lambda: set(bundles(case)) == {secret(case, SERVING, "ca.crt")}, 60, "cert-manager's CA is trusted again")


# --- without Helm ---------------------------------------------------------------------------------


class WithoutHelm:
    """From entering to leaving, the manager is installed by deploy/rbg.yaml."""

    def __init__(self, case):
        self.case = case
        with open(os.path.join(ROOT, "deploy/rbg.yaml"), encoding="utf-8") as f:
            self.text = re.sub(r'image: "?rolebasedgroup/rbgs-controller:[^"\n]*"?', f"image: {install.IMAGE}:test", f.read())
        assert f"image: {install.IMAGE}:test" in self.text

    def __enter__(self):
        install.helm(self.case.cluster, "uninstall", install.RELEASE, "--namespace", NS, "--wait")
        self.case.cluster.kubectl("delete", "namespace", NS, "--wait=true")
        self.case.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=self.text)
        rolled_out(self.case)
        self.case.cluster.forget_discovery()

    def __exit__(self, *_):
        # Of one file that has no definitions, so that groups stay.
        self.case.cluster.kubectl("delete", "--ignore-not-found", "-f", os.path.join(ROOT, "deploy/manager.yaml"))
        self.case.cluster.kubectl("get", "crd", "rolebasedgroups.workloads.x-k8s.io")
        self.case.cluster.kubectl("create", "namespace", NS)
        self.case.cluster.kubectl("label", "namespace", NS, "pod-security.kubernetes.io/enforce=restricted")
        helm(self.case)
        wait(lambda: set(bundles(self.case)) == {secret(self.case, SERVING, "ca.crt")}, 60, "cert-manager's CA is trusted")


def admitted(case):
    """Groups of both versions get through all webhooks."""
    return Load(case).admitted(8)


@own
def without_helm_by_cert_manager(case):
    for file, *arguments in (["use-cert-manager.sh"], ["self-made.sh", "apply"]):
        assert "helm upgrade" in script(case, file, *arguments, code=1)  # the release would undo it
    with WithoutHelm(case):
        assert admitted(case)
        case.cluster.kubectl("apply", "--server-side", "-f", os.path.join(ROOT, "certs/cert-manager.yaml"))
        goes_over(case, "use-cert-manager.sh")
        rolled_out(case)
        wait(lambda: set(bundles(case)) == {secret(case, SERVING, "ca.crt")}, 60, "cainjector has put its CA in place")
        wait(lambda: admitted(case), 20, "groups are admitted")
        assert "the API server trusts them" in script(case, "use-cert-manager.sh")
        before = served(pods(case)[0])
        with tempfile.TemporaryDirectory() as folder:
            said = script(case, "self-made.sh", "apply", "--directory", os.path.join(folder, "ca"), code=1)
            assert "kubectl delete -f certs/cert-manager.yaml" in said and not os.listdir(folder), said
        with Load(case):
            renewed(case, "rbgs-serving-cert", SERVING)
            poke(case)
            all_serve(case, 150, "all serve the renewed certificate", lambda it: it != before)


def expired(folder):
    """A pair by the CA in that folder that ended long ago."""
    def path(file):
        return os.path.join(folder, file)
    with open(path("ca.cnf"), "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={path('db')}\nnew_certs_dir={folder}\nserial={path('serial')}\n"
                "default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n"
                f"[x]\nbasicConstraints=CA:false\nsubjectAltName=DNS:rbgs-webhook-service.{NS}.svc\n")
    for file, text in (("db", ""), ("serial", "01\n")):
        with open(path(file), "w", encoding="ascii") as f:
            f.write(text)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old",
            "-keyout", path("old.key"), "-out", path("old.csr"))
    openssl("ca", "-batch", "-notext", "-config", path("ca.cnf"), "-cert", path("ca.crt"), "-keyfile", path("ca.key"),
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-in", path("old.csr"), "-out", path("old.crt"))
    return [base64.b64encode(open(path(file), "rb").read()).decode() for file in ("old.crt", "old.key")]


def put_pair(case, crt=None, key=None):
    data = {k: v for k, v in (("tls.crt", crt), ("tls.key", key)) if v}
    case.api.request("PATCH", f"/api/v1/namespaces/{NS}/secrets/{SERVING}", {"data": data}, "application/merge-patch+json")
    poke(case)


def reader_token(case):
    """Of an account that may read the metrics."""
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
               "metadata": {"name": "rbg-test-metrics"},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rbgs-metrics-reader"},
               "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": case.ns}]}
    case.apply(binding)
    return case.kubectl("create", "token", "default").stdout.strip()


def says(pod, token, status, words, problem):
    """The readiness probe, the log is looked at by the caller, and the metric all name it."""
    answer, text = get(pod, "/readyz")
    assert answer == status and words in text, f"{name(pod)}: {answer} {text}"
    line = f'rbg_certificate_problem{{use="webhook",problem="{problem}"}} '
    found = [l for l in metrics(pod, token).splitlines() if l.startswith(line)] if token else [line + "1"]
    assert found == [line + "1"], f"{name(pod)}: {found}"
    return True


@own
def made_by_hand_and_what_is_said_of_bad_ones(case):
    with WithoutHelm(case), tempfile.TemporaryDirectory() as folder:
        goes_over(case, "self-made.sh", "apply", "--directory", os.path.join(folder, "ca"))
        rolled_out(case)
        wait(lambda: admitted(case), 20, "groups are admitted")
        before, ca = served(pods(case)[0]), secret(case, SERVING, "ca.crt")
        assert set(bundles(case)) == {ca}, bundles(case)
        with Load(case):
            script(case, "self-made.sh", "apply", "--directory", os.path.join(folder, "ca"))
            poke(case)
            all_serve(case, 150, "all serve the certificate of the second run", lambda it: it != before)
        assert secret(case, SERVING, "ca.crt") == ca

        token = reader_token(case)
        good = served(pods(case)[0])
        crt, key = expired(os.path.join(folder, "ca"))
        put_pair(case, key=key)
        for pod in pods(case):
            wait(lambda: says(pod, token, 200, "do not belong together", "stale"), 150, "a broken pair is named")
            assert "do not belong together" in kubectl(case, "logs", name(pod))
            assert served(pod) == good
        assert admitted(case)

        kubectl(case, "delete", "pod", name(pods(case)[0]))
        wait(lambda: any(not is_ready(p) and get(p, "/readyz")[0] == 503 for p in pods(case)), 60, "a pod starts with the broken pair")
        young = next(p for p in pods(case) if not is_ready(p))
        # Nothing to serve, neither webhooks nor metrics.
        says(young, None, 503, "do not belong together", "absent")
        assert "do not belong together" in kubectl(case, "logs", name(young))
        assert admitted(case)

        put_pair(case, crt=crt)
        wait(lambda: says(young, token, 503, "expired at 2021-01-01", "expired"), 150, "an expired pair is named")
        wait(lambda: "expired at 2021-01-01" in kubectl(case, "logs", name(young)), 10, "in the log too")
        assert admitted(case)

        script(case, "self-made.sh", "apply", "--directory", os.path.join(folder, "ca"))
        poke(case)
        wait(lambda: all(is_ready(p) and get(p, "/readyz") == (200, "ok") for p in pods(case)), 150, "all is well again")
        assert [restarts(p) for p in pods(case)] == [0, 0], "a bad certificate is no reason to crash"
        assert 'problem="expired"} 0' in metrics(young, token)
    case.cluster.kubectl("delete", "clusterrolebinding", "rbg-test-metrics")
