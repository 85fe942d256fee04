"""Runs the tests: those that share the cluster at the same time, each in a namespace of its own,
and then, one by one, those that need it for themselves (they end the manager, or count)."""

import concurrent.futures
import json
import os
import re
import subprocess
import threading
import time
import traceback

import kube
from kube import wait

TESTS = []
ASKED_FOR = set()  # names of tests that run only when a pattern is given


def test(function=None, *, alone=False, asked_for=False):
    """Marks a test; it is called with a Case. alone: not while another one runs; "last": and after all others. asked_for: not in a
    run of all tests."""
    def mark(f):
        module = f.__module__.removeprefix("test_")
        TESTS.append((f"{module}.{f.__name__}", f, alone))
        if asked_for:
            ASKED_FOR.add(f"{module}.{f.__name__}")
        return f
    return mark(function) if function else mark


def cases(**parameters):
    """Marks a test that is made once for each parameter, with the name as a suffix."""
    def mark(f):
        module = f.__module__.removeprefix("test_")
        for name, parameter in parameters.items():
            TESTS.append((f"{module}.{f.__name__}.{name}",
                          lambda case, parameter=parameter: f(case, parameter), False))
        return f
    return mark


class Case:
    """What a test gets: the cluster, the manager, and a namespace that exists on first use."""

    def __init__(self, run, name):
        self.run, self.name = run, name
        self.cluster, self.manager, self.api = run.cluster, run.manager, run.cluster.api
        self.namespaces = []

    @property
    def ns(self):
        return self.namespaces[0] if self.namespaces else self.namespace(
            re.sub("[^a-z0-9]+", "-", self.name.lower())[:63].rstrip("-"))

    def namespace(self, name, labels=None):
        self.api.create("Namespace", {"apiVersion": "v1", "kind": "Namespace",
                                      "metadata": {"name": name, "labels": labels or {}}})
        self.namespaces.append(name)
        # Pods are refused until their account is there.
        wait(lambda: self.api.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default"),
             20, f"namespace {name} has its ServiceAccount")
        return name

    def kubectl(self, *arguments, stdin=None, check=True):
        return self.cluster.kubectl("-n", self.ns, *arguments, stdin=stdin, check=check)

    def apply(self, document):
        """Applies an object or a list of them, as kubectl apply does."""
        documents = document if isinstance(document, list) else [document]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        return self.kubectl("apply", "-f", "-", stdin=text)

    def example(self, name):
        return os.path.join(kube.ROOT, "examples", name)

    def get(self, kind, name):
        return self.api.get(kind, self.ns, name)

    def list(self, kind, selector=None):
        return self.api.list(kind, self.ns, selector)

    def pods(self):
        """Pods that are not on their way out, by name."""
        return {p["metadata"]["name"]: p for p in self.list("Pod")
                if "deletionTimestamp" not in p["metadata"]}

    def patch_role(self, group, role, **fields):
        """Replaces members of a role, as a user's patch of that role would."""
        spec = self.get("RoleBasedGroup", group)["spec"]
        index = [r["name"] for r in spec["roles"]].index(role)
        return self.api.patch("RoleBasedGroup", self.ns, group,
                              [{"op": "add", "path": f"/spec/roles/{index}/{key}", "value": value}
                               for key, value in fields.items()])

    def wait_ready(self, group, seconds=30):
        return wait(lambda: is_ready(self.get("RoleBasedGroup", group)), seconds,
                    f"group {group} is Ready")

    def state(self):
        """For a failed test: what there is, and what was said about it."""
        parts = []
        for name in self.namespaces:
            for what in ("rbg,roleinstancesets,roleinstances,pods,services,configmaps", "events"):
                done = self.cluster.kubectl("-n", name, "get", what, "-o", "wide", check=False)
                parts.append(f"--- {what} in {name}\n{done.stdout}{done.stderr}")
            done = self.cluster.kubectl("-n", name, "get", "rbg", "-o", "jsonpath={.items[*].status}",
                                        check=False)
            parts.append(f"--- status of the groups in {name}\n{done.stdout}\n")
        parts.append(f"--- the end of {self.manager.log_path}\n{self.manager.log(25)}")
        return "".join(parts)

    def close(self):
        for name in self.namespaces:
            self.cluster.kubectl("delete", "namespace", name, "--wait=false", check=False)


def changes_within(seconds, changed):
    """True as soon as changed() is, False when it was not for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if changed():
            return True
        time.sleep(0.2)
    return False


def is_ready(group):
    """The Ready condition speaks of this very spec and is True."""
    generation = group["metadata"]["generation"]
    for condition in group.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            assert condition["status"] == "True" and condition["observedGeneration"] == generation, (
                f"Ready is {condition['status']} for generation {condition.get('observedGeneration')} "
                f"of {generation}: {condition.get('reason')}: {condition.get('message')}")
            return True
    raise AssertionError("there is no Ready condition")


class Run:
    def __init__(self, cluster, manager, build, pattern):
        self.cluster, self.manager, self.build = cluster, manager, build
        self.tests = [t for t in TESTS if re.search(pattern, t[0]) and (pattern != "." or t[0] not in ASKED_FOR)]
        self.passed, self.failed = 0, []
        self.lock = threading.Lock()
        self.common = Case(self, "common")  # for namespaces that several tests share

    def tool(self, *arguments, stdin=""):
        """e2e_tool; its output is JSON."""
        done = subprocess.run([os.path.join(self.build, "tests", "e2e_tool"), *arguments], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, f"e2e_tool {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout)

    def one(self, name, function):
        case = Case(self, name)
        start = time.monotonic()
        try:
            function(case)
            failure = None
        except Exception:  # a test may fail in any way; the others go on
            failure = traceback.format_exc() + case.state()
        seconds = time.monotonic() - start
        with self.lock:
            if failure:
                self.failed.append(name)
                print(f"FAIL {name} ({seconds:.1f} s)\n{failure}", flush=True)
            else:
                self.passed += 1
                print(f"ok   {name} ({seconds:.1f} s)", flush=True)
        case.close()

    def all(self, workers):
        shared = [t for t in self.tests if not t[2]]
        alone = sorted((t for t in self.tests if t[2]), key=lambda t: t[2] == "last")
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda t: self.one(t[0], t[1]), shared))
        self.common.close()
        for name, function, _ in alone:
            if not self.manager.alive():
                self.manager.start()
            self.one(name, function)
