#!/usr/bin/env python3
"""Starts a cluster, installs the manager, runs the tests whose names match a regular expression.

    run.py BUILD_DIRECTORY [PATTERN]

The last line is "N passed, N failed"."""

import glob
import importlib
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import harness
import kube
import manager


def main(build, pattern="."):
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
    start = time.monotonic()
    # An end by signal has to take the cluster down too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = controller = None
    try:
        cluster = kube.Cluster(f"e2e-{os.getpid()}-{os.urandom(3).hex()}")
        controller = manager.install(cluster, build).start()
        run = harness.Run(cluster, controller, build, pattern)
        run.all(workers=4)
    finally:
        if controller:
            controller.stop()
        if cluster:
            cluster.down()
    print(f"{time.monotonic() - start:.0f} s; failed: {', '.join(run.failed) or 'none'}")
    print(f"{run.passed} passed, {len(run.failed)} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
