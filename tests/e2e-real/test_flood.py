"""Neighbours that take what there is, while the webhooks and probes are in use."""

import json
import resource
import selectors
import socket
import ssl
import threading
import time

from system import get, is_ready, name, own, pods, restarts
from test_availability import many_groups

CONNECTIONS = 1000
AGAIN_PER_S = 200  # of those that were cut
PORTS = (9443, 8443, 8081)
FLOOD_S = 25
SOON_S = 1.0
LIST_BYTES = 31 << 20


class Idle(threading.Thread):
    """So many connections to one port, on which nothing is said. What is cut is opened again. They have the address that
    API servers and kubelets of this node have, too, so it is their places that they would take."""

    def __init__(self, address, port):
        super().__init__(daemon=True)
        self.to, self.opened, self.stop = (address, port), 0, False

    def open_one(self, selector):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self.to)
        selector.register(connection, selectors.EVENT_READ)
        self.opened += 1

    def run(self):
        with selectors.DefaultSelector() as selector:
            for _ in range(CONNECTIONS):
                self.open_one(selector)
            while not self.stop:
                for key, _ in selector.select(0.2)[:AGAIN_PER_S // 10]:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.open_one(selector)
                time.sleep(0.1)
            for key in list(selector.get_map().values()):
                key.fileobj.close()


def conversion():
    """A ConversionReview as large as one may be."""
    group = {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "spec": {"roles": [
        {"name": "r", "replicas": 1, "standalonePattern": {"template": {"spec": {"containers": [
            {"name": "c", "image": "i", "args": ["x" * 100] * 200}]}}}}]}}
    one = len(json.dumps(group))
    objects = [{**group, "metadata": {"name": f"g{i}", "namespace": "n"}} for i in range(LIST_BYTES // (one + 60))]
    return json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {
        "uid": "u", "desiredAPIVersion": "workloads.x-k8s.io/v1alpha1", "objects": objects}}).encode()


class Convert(threading.Thread):
    """Large conversions in a loop, of nobody in particular."""

    def __init__(self, address, body):
        super().__init__(daemon=True)
        self.address, self.body, self.answers, self.stop = address, body, [], False

    def once(self):
        context = ssl._create_unverified_context()
        with context.wrap_socket(socket.create_connection((self.address, 9443), timeout=30)) as s:
            s.sendall(b"POST /convert HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(self.body))
            s.sendall(self.body)
            first = s.recv(16)
            while s.recv(1 << 20):
                pass
            return first[9:12].decode()

    def run(self):
        while not self.stop:
            try:
                self.answers.append(self.once())
            except OSError as e:
                self.answers.append(str(e))


def took(what):
    begin = time.monotonic()
    what()
    return time.monotonic() - begin


def questions(case, managers):
    """What has to be answered soon: a group that is written (all webhooks see it), and the probes."""
    group = many_groups(case, 0, 1)[0]
    group["metadata"] = {"name": "dry"}

    def write():
        case.api.request("POST", f"/apis/workloads.x-k8s.io/v1alpha2/namespaces/{case.ns}/rolebasedgroups?dryRun=All", group)

    def probe(pod, path):
        status, text = get(pod, path)
        assert status == 200, f"{path} of {name(pod)}: {status} {text}"

    return {"a dry write": write, **{f"{path} of {name(p)}": lambda p=p, path=path: probe(p, path)
                                     for p in managers for path in ("/healthz", "/readyz")}}


@own
def a_flood_on_every_port_starves_nobody(case):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    managers = pods(case)
    before = {name(p): restarts(p) for p in managers}
    addresses = [p["status"]["podIP"] for p in managers]
    idle = [Idle(a, port) for a in addresses for port in PORTS]
    lists = [Convert(addresses[0], conversion())]
    for thread in idle + lists:
        thread.start()
    time.sleep(3)
    worst, rounds, end = {}, 0, time.monotonic() + FLOOD_S
    while time.monotonic() < end:
        for what, ask in questions(case, managers).items():
            worst[what] = max(worst.get(what, 0), took(ask))
        assert all(is_ready(p) for p in pods(case)), "a replica is not ready"
        case.apply(many_groups(case, rounds, 1))
        rounds += 1
    for thread in idle + lists:
        thread.stop = True
    for thread in idle + lists:
        thread.join(60)
    print(f"     {sum(t.opened for t in idle)} connections, conversions {lists[0].answers}, {rounds} groups; at most:"
          f" {', '.join(f'{w} {s:.2f} s' for w, s in worst.items())}", flush=True)
    assert "200" in lists[0].answers, lists[0].answers
    assert {name(p): restarts(p) for p in pods(case)} == before, "a replica was restarted"
    late = {what: s for what, s in worst.items() if s > SOON_S}
    assert not late, late
