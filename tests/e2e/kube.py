"""A cluster made by hack/cluster.sh, and a small client of its API server.

The client speaks HTTP with the administrator's certificate. Every thread has its own
connection, so a client may be shared.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
from datetime import datetime, timezone

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = "/apis/workloads.x-k8s.io/v1alpha2"

# Where each kind is served; a namespace and a name are put in by path().
RESOURCES = {
    "RoleBasedGroup": (OURS, "rolebasedgroups"),
    "RoleBasedGroupSet": (OURS, "rolebasedgroupsets"),
    "RoleBasedGroupScalingAdapter": (OURS, "rolebasedgroupscalingadapters"),
    "CoordinatedPolicy": (OURS, "coordinatedpolicies"),
    "ClusterEngineRuntimeProfile": (OURS, "clusterengineruntimeprofiles"),
    "RoleInstanceSet": (OURS, "roleinstancesets"),
    "RoleInstance": (OURS, "roleinstances"),
    "ControllerRevision": ("/apis/apps/v1", "controllerrevisions"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Pod": ("/api/v1", "pods"),
    "Service": ("/api/v1", "services"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Event": ("/api/v1", "events"),
    "ResourceQuota": ("/api/v1", "resourcequotas"),
    "Namespace": ("/api/v1", "namespaces"),
}


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, method, path, status, body):
        try:
            self.message = json.loads(body).get("message", "")
        except ValueError:
            self.message = body.decode("utf-8", "replace")
        super().__init__(f"{method} {path}: {status} {self.message}")
        self.status = status


def path(kind, namespace=None, name=None, sub=None):
    prefix, plural = RESOURCES[kind]
    parts = [prefix]
    if namespace:
        parts += ["namespaces", namespace]
    parts += [plural] + [p for p in (name, sub) if p]
    return "/".join(parts)


class Api:
    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding="utf-8") as f:
            config = dict(line.split(": ", 1) for line in map(str.strip, f) if ": " in line)
        url = urllib.parse.urlsplit(config["server"])
        self.host, self.port = url.hostname, url.port
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(config["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pair:
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(config[key]))
            pair.flush()
            self.context.load_cert_chain(pair.name)
        self.local = threading.local()

    def connection(self):
        # The server closes one that is idle for long.
        if time.monotonic() - getattr(self.local, "used", 0) > 30:
            self.local.connection = None
        self.local.used = time.monotonic()
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPSConnection(
                self.host, self.port, context=self.context, timeout=30)
        return self.local.connection

    def request(self, method, target, body=None, content_type="application/json"):
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        try:
            connection = self.connection()
            connection.request(method, target, data, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            # The server may have closed an idle connection: the next request gets a new one.
            self.local.connection = None
            raise
        if response.status >= 300:
            raise ApiError(method, target, response.status, answer)
        return json.loads(answer)

    def get(self, kind, namespace, name):
        return self.request("GET", path(kind, namespace, name))

    def list(self, kind, namespace=None, selector=None):
        query = "?" + urllib.parse.urlencode({"labelSelector": selector}) if selector else ""
        return self.request("GET", path(kind, namespace) + query).get("items", [])

    def create(self, kind, body, namespace=None):
        return self.request("POST", path(kind, namespace), body)

    def replace(self, kind, namespace, name, body):
        return self.request("PUT", path(kind, namespace, name), body)

    def merge(self, kind, namespace, name, body, sub=None):
        return self.request("PATCH", path(kind, namespace, name, sub), body,
                            "application/merge-patch+json")

    def patch(self, kind, namespace, name, operations, dry_run=False):
        return self.request("PATCH", path(kind, namespace, name) + ("?dryRun=All" if dry_run else ""), operations,
                            "application/json-patch+json")

    def delete(self, kind, namespace, name):
        return self.request("DELETE", path(kind, namespace, name))


class Cluster:
    """Its name is unique to this run, so that several runs don't meet."""

    restarts = ()  # of the API server: pairs of times

    def __init__(self, name):
        self.name = name
        self.kubeconfig = self.script("up", "--nodes", "3")
        self.directory = os.path.dirname(self.kubeconfig)
        self.kubectl_path = os.path.join(self.script("path"), "kubectl")
        self.api = Api(self.kubeconfig)

    def script(self, command, *arguments):
        name = () if command == "path" else ("--name", self.name)
        done = subprocess.run([os.path.join(ROOT, "hack/cluster.sh"), command, *arguments, *name],
                              stdout=subprocess.PIPE, check=True, text=True)
        return done.stdout.strip()

    def kubectl(self, *arguments, stdin=None, check=True):
        """Returns the finished process, its output as text."""
        cache = os.path.join(self.directory, "kubectl-cache")
        done = subprocess.run([self.kubectl_path, "--kubeconfig", self.kubeconfig, "--cache-dir", cache, *arguments],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done

    def forget_discovery(self):
        """kubectl remembers for hours what kinds there are."""
        shutil.rmtree(os.path.join(self.directory, "kubectl-cache"), ignore_errors=True)

    def audit(self, since=0):
        """The requests logged after that offset of the file."""
        with open(os.path.join(self.directory, "audit.log"), "rb") as f:
            f.seek(since)
            # The last line may be half written.
            return [json.loads(line) for line in f if line.endswith(b"\n")]

    def audit_size(self):
        return os.path.getsize(os.path.join(self.directory, "audit.log"))

    def signal(self, program, name):
        """Sends a signal to one of the cluster's own processes."""
        with open(os.path.join(self.directory, "run", f"{program}.pid"), encoding="ascii") as f:
            os.kill(int(f.read()), getattr(signal, "SIG" + name))

    def restart_api_server(self, pause):
        """Kills it and starts it again after that many seconds; returns when it is ready. Shortly before, it may
        not have read any role yet, and then forbids everything."""
        begin = datetime.now(timezone.utc)
        self.script("restart-apiserver", "--pause", str(pause))
        self.restarts += ((begin, datetime.now(timezone.utc)),)

    def down(self):
        self.script("down")


def wait(probe, seconds, what):
    """Calls probe until it returns something true; that is the result. An AssertionError, a member
    that is not there, or a failed request is no end before the deadline, but then the reason."""
    deadline = time.monotonic() + seconds
    reason = ""
    while True:
        try:
            result = probe()
            if result:
                return result
            reason = ""
        except (AssertionError, LookupError, ApiError, OSError, http.client.HTTPException) as e:
            reason = f": {type(e).__name__ if isinstance(e, LookupError) else ''} {e}"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}{reason}")
        time.sleep(0.1)
