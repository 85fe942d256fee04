"""The manager as a user installs it: its image, cert-manager, and the chart."""

import os
import subprocess
import sys

from kube import ROOT

import manager

RELEASE = "rbgs"
IMAGE = "localhost/rbg-manager"


class Installed:
    """The manager that runs in the cluster, for what the tests ask of any manager."""

    log_path = "the manager's pods' logs"

    def __init__(self, cluster, namespace):
        self.cluster, self.namespace = cluster, namespace

    def alive(self):
        return True

    def stop(self):
        """It goes with its cluster; a user's cluster keeps it."""

    def log(self, lines):
        done = self.cluster.kubectl("-n", self.namespace, "logs", "--prefix", f"--tail={lines}",
                                    "-l", "control-plane=rbgs-controller", check=False)
        return done.stdout + done.stderr


def image(cluster, tag="test", commit=None):
    """Made from the sources and given to the node. commit: what the program says it was built from; another one
    makes another image."""
    archive = os.path.join(cluster.directory, f"rbg-manager-{tag}.tar")
    environment = {**os.environ, "RBG_COMMIT": commit} if commit else None
    subprocess.run([os.path.join(ROOT, "hack/image.sh"), "--output", archive, "--name", f"{IMAGE}:{tag}"],
                   check=True, stdout=sys.stderr, env=environment)
    cluster.script("load", archive)
    os.remove(archive)
    return f"{IMAGE}:{tag}"


def helm(cluster, *arguments, check=True):
    """Its output."""
    done = subprocess.run([cluster.program("helm"), "--kubeconfig", cluster.kubeconfig, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert not check or done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}"
    return done.stdout


def release(cluster, tag="test", **values):
    """helm upgrade --install; returns when every pod of the manager is ready. values: what differs from the defaults;
    those of the release before are not kept."""
    values = {"controller.image.repository": IMAGE, "controller.image.tag": tag,
              "controller.image.pullPolicy": "Never", **values}
    return helm(cluster, "upgrade", "--install", RELEASE, os.path.join(ROOT, "charts/rbg"), "--namespace",
                manager.NAMESPACE, "--reset-values", "--wait", "--timeout", "3m",
                *(word for key, value in values.items() for word in ("--set", f"{key}={value}")))


def install(cluster, tag="test", **values):
    """Into a cluster that has nothing of it yet."""
    image(cluster, tag)
    cluster.script("cert-manager")
    # The namespace must not run what Pod Security's level "restricted" refuses.
    cluster.kubectl("create", "namespace", manager.NAMESPACE)
    cluster.kubectl("label", "namespace", manager.NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    release(cluster, tag, **values)
    cluster.forget_discovery()
    return Installed(cluster, manager.NAMESPACE)
