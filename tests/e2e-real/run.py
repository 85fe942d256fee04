#!/usr/bin/env python3
"""Starts a cluster with a real node, installs the manager and runs the tests whose names match a
regular expression.

    run.py BUILD_DIRECTORY [PATTERN]

With KUBECONFIG the tests run on the user's cluster, with the manager that is installed there; modules that change
the installation (they say NEEDS_RELEASE) are left out then.
The last line is "N passed, N failed"."""

import glob
import importlib
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

import cluster as clusters
import harness
import install
import manager


def start(build):
    """The manager and its cluster, which is taken down if the manager can't be installed."""
    if os.environ.get("KUBECONFIG"):
        cluster = clusters.Users(os.environ["KUBECONFIG"])
        return install.Installed(cluster, os.environ.get("RBG_NAMESPACE", manager.NAMESPACE))
    cluster = clusters.Own()
    try:
        if os.environ.get("RBG_INSTALL", "helm") == "helm":
            return install.install(cluster)
        return manager.install(cluster, build).start()
    except BaseException:
        cluster.down()
        raise


def load(own_release):
    left_out = []
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        if getattr(module, "NEEDS_RELEASE", False) and not own_release:
            left_out.append(module.__name__.removeprefix("test_"))
    if left_out:
        print(f"left out, as they need a cluster and a Helm release of their own: {', '.join(left_out)}", flush=True)
        harness.TESTS[:] = [t for t in harness.TESTS if t[0].split(".")[0] not in left_out]


def main(build, pattern="."):
    load(not os.environ.get("KUBECONFIG") and os.environ.get("RBG_INSTALL", "helm") == "helm")
    began = time.monotonic()
    # An end by signal has to take the cluster down too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    controller = start(build)
    try:
        run = harness.Run(controller.cluster, controller, build, pattern)
        run.all(workers=2)
    finally:
        controller.stop()
        controller.cluster.down()
    print(f"{time.monotonic() - began:.0f} s; failed: {', '.join(run.failed) or 'none'}")
    print(f"{run.passed} passed, {len(run.failed)} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
