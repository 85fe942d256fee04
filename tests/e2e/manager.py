"""rbg-manager as a process, run with the identity and the rights that it is installed with."""

import base64
import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess

from kube import wait

NAMESPACE = "rbgs-system"
USER = "rbg-manager"
# Namespaces with this label are left alone by the admission webhooks.
EXEMPT = "rbg-test/no-webhooks"


def free_port():
    """Below the range from which the kernel serves outgoing connections, above the cluster's."""
    for _ in range(200):
        port = random.randrange(30000, 32700)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port between 30000 and 32700")


def program(build, name):
    return os.path.join(build, name)


def probe(address, port, path):
    """The status and the text that a probe answers; (0, "") when nobody answers."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


class Manager:
    """webhook_port None: without webhooks."""

    def __init__(self, cluster, build, kubeconfig, name, *arguments, webhook_port=None):
        self.cluster, self.name = cluster, name
        self.webhook_port = webhook_port
        self.health_port, self.metrics_port = free_port(), free_port()
        self.log_path = os.path.join(cluster.directory, "log", f"{name}.log")
        self.process = None
        self.command = [
            program(build, "rbg-manager"), "--kubeconfig", kubeconfig,
            "--health-probe-bind-address", f"127.0.0.1:{self.health_port}",
            "--metrics-bind-address", f"127.0.0.1:{self.metrics_port}", "--metrics-secure=false",
            *(("--webhook-bind-address", f"127.0.0.1:{webhook_port}") if webhook_port
              else ("--enable-webhooks", "none")),
            *arguments]

    @property
    def pid(self):
        return self.process.pid

    def start(self, ready=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, "POD_NAMESPACE": NAMESPACE})
        if ready:
            wait(self.ready, 90, f"{self.name} is ready")
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL: nothing is written, released or closed in order."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit status. None: it had to be killed."""
        if not self.alive():
            return self.process and self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def probe(self, path, port=None):
        return probe("127.0.0.1", port or self.health_port, path)

    def ready(self):
        assert self.alive(), f"{self.name} has ended with {self.process.returncode}:\n{self.log(20)}"
        status, text = self.probe("/readyz")
        assert status == 200, text
        return True

    def log(self, lines):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def memory_kib(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
        return int(fields[field].split()[0])

    def resident_kib(self):
        return self.memory_kib("VmRSS")

    def peak_kib(self):
        """The most that was resident since the process began."""
        return self.memory_kib("VmHWM")

    def webhook(self):
        """A TLS connection to the webhooks, checked against the CA that the API server was given."""
        hooks = self.cluster.api.request("GET", "/apis/admissionregistration.k8s.io/v1"
                                         "/validatingwebhookconfigurations/rbgs-validating-webhook-configuration")
        bundle = base64.b64decode(hooks["webhooks"][0]["clientConfig"]["caBundle"]).decode()
        context = ssl.create_default_context(cadata=bundle)
        return http.client.HTTPSConnection("127.0.0.1", self.webhook_port, context=context, timeout=60)


# --- installation ----------------------------------------------------------------------------


def printed(build, *arguments):
    done = subprocess.run([program(build, "rbg-manager"), *arguments], stdout=subprocess.PIPE,
                          check=True, text=True, env={**os.environ, "POD_NAMESPACE": NAMESPACE})
    return json.loads(done.stdout)


def flat(document):
    """The items of a list, and of the lists in it."""
    if document["kind"] != "List":
        return [document]
    return [x for item in document["items"] for x in flat(item)]


def bindings(roles):
    """Binds every printed role to the manager's user, and nothing else."""
    for role in roles:
        kind, metadata = role["kind"], role["metadata"]
        yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": f"{kind}Binding",
               "metadata": metadata,
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind,
                           "name": metadata["name"]},
               "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}]}


def apply(cluster, documents):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)


def established(cluster, crd):
    """kubectl wait takes a definition that has no conditions yet for an error."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crd["metadata"]["name"]
    conditions = cluster.api.request("GET", path).get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def install(cluster, build):
    """Installs what the program prints; returns a manager that is not started yet."""
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    roles = flat(printed(build, "--print-rbac"))
    hooks = flat(printed(build, "--print-webhooks", "--webhook-url", url))
    for configuration in hooks:
        for hook in configuration["webhooks"]:
            hook["namespaceSelector"] = {"matchExpressions": [{"key": EXEMPT, "operator": "DoesNotExist"}]}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    apply(cluster, [namespace, *roles, *bindings(roles)])
    crds = flat(printed(build, "--print-crds", "--webhook-url", url))
    apply(cluster, crds)
    apply(cluster, hooks)
    wait(lambda: all(established(cluster, crd) for crd in crds), 30, "the kinds are established")
    cluster.forget_discovery()
    kubeconfig = cluster.script("user", USER)
    return Manager(cluster, build, kubeconfig, "manager", webhook_port=port)
