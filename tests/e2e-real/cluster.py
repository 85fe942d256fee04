"""The cluster that the tests run on: one with a real node, made here, or the user's own in KUBECONFIG."""

import http.client
import os
import re
import shutil
import subprocess
import tempfile
import threading

import kube


class Own(kube.Cluster):
    """hack/cluster.sh up --real; its name is unique to this run, and says which process that is."""

    images = ("docker.io/library/busybox:1.36", "docker.io/library/busybox:1.37")

    def __init__(self):  # pylint: disable=super-init-not-called
        self.end_abandoned()
        self.name = f"real-{os.getpid()}-{os.urandom(3).hex()}"
        self.kubeconfig = self.script("up", "--real")
        self.directory = os.path.dirname(self.kubeconfig)
        self.kubectl_path = self.program("kubectl")
        self.api = kube.Api(self.kubeconfig)

    @staticmethod
    def end_abandoned():
        """Those of runs that were killed before they could take their cluster down."""
        folder = os.environ.get("RBG_CLUSTERS") or os.path.join(tempfile.gettempdir(), "rbg-clusters")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            run = re.fullmatch(r"real-(\d+)-[0-9a-f]{6}", name)
            if run and not os.path.exists(f"/proc/{run.group(1)}"):
                subprocess.run([os.path.join(kube.ROOT, "hack/cluster.sh"), "down", "--name", name], check=True)

    def program(self, name):
        done = subprocess.run([os.path.join(kube.ROOT, "hack/cluster.sh"), "path", name],
                              stdout=subprocess.PIPE, check=True, text=True)
        return done.stdout.strip()


class ProxyApi(kube.Api):
    """Through kubectl proxy, which knows every way to log in that a kubeconfig may name."""

    def __init__(self, port):  # pylint: disable=super-init-not-called
        self.port = port
        self.local = threading.local()

    def connection(self):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return self.local.connection


class Users(kube.Cluster):
    """The cluster that KUBECONFIG names. The manager must be installed there already."""

    def __init__(self, kubeconfig):  # pylint: disable=super-init-not-called
        self.kubeconfig = kubeconfig
        self.kubectl_path = shutil.which("kubectl") or self.fail("kubectl is not on PATH")
        self.directory = tempfile.mkdtemp(prefix="rbg-e2e-real-")
        self.images = tuple(os.environ.get(
            "RBG_TEST_IMAGES", "docker.io/library/busybox:1.36 docker.io/library/busybox:1.37").split())
        if len(self.images) != 2:
            self.fail("RBG_TEST_IMAGES must name two images that contain busybox")
        self.proxy = subprocess.Popen([self.kubectl_path, "--kubeconfig", kubeconfig, "proxy", "--port=0"],
                                      stdout=subprocess.PIPE, text=True)
        line = self.proxy.stdout.readline()
        port = re.search(r"127\.0\.0\.1:(\d+)", line) or self.fail("kubectl proxy does not start; see above")
        self.api = ProxyApi(int(port.group(1)))

    @staticmethod
    def fail(reason):
        raise SystemExit(f"e2e-real: {reason}")

    def down(self):
        self.proxy.terminate()
        self.proxy.wait()
        shutil.rmtree(self.directory)
