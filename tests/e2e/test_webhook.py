"""The webhooks, met directly over HTTPS: what no API server would send. And what the manager needs for it."""

import concurrent.futures
import http.client
import json
import signal
import socket
import ssl
import threading
import time

from harness import test
from kube import wait
from manager import flat, printed

GROUP = "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup"
LIMIT_KIB = 64 * 1024
MIB = 1 << 20


def paths(case):
    """All that the manager serves, as it prints them for the API server."""
    found = ["/convert"]
    for configuration in flat(printed(case.run.build, "--print-webhooks", "--webhook-url", "https://localhost")):
        found += [hook["clientConfig"]["url"].removeprefix("https://localhost") for hook in configuration["webhooks"]]
    assert len(found) >= 7 and set(GROUP) < set(found), found
    return found


def post(case, path, body, headers=None):
    """The status and the text of the answer. A server may answer and close before it was sent everything."""
    connection = case.manager.webhook()
    try:
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})},
                               encode_chunked="Transfer-Encoding" in (headers or {}))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


def unharmed(case, pid):
    assert case.manager.alive() and case.manager.pid == pid, "the manager has ended"
    rss = case.manager.resident_kib()
    assert rss < LIMIT_KIB, f"the manager has {rss} KiB in memory"
    assert case.manager.probe("/healthz")[0] == 200


@test
def garbage_is_a_bad_request(case):
    pid = case.manager.pid
    for path in paths(case):
        for body in (b"not json", b"", b"{", b'{"kind": "AdmissionReview"}', b"[]", b"\xff\xfe\x00", b'{"a":1}{"b":2}'):
            status, text = post(case, path, body)
            assert status == 400, f"{path} answers {body!r} with {status}: {text}"
            assert text.strip(), "the answer says nothing"
        status, _ = post(case, path, b"{}", {"Content-Type": "text/plain"})
        assert status == 415, status
    assert post(case, "/nowhere", b"{}")[0] == 404
    connection = case.manager.webhook()
    connection.request("GET", GROUP[0])
    assert connection.getresponse().status == 405
    connection.close()
    unharmed(case, pid)


@test
def a_huge_body_is_refused(case):
    pid = case.manager.pid
    chunk = b" " * MIB
    for path, limit in (GROUP[0], 8), ("/convert", 32):  # a list of groups is larger than one group
        status, text = post(case, path, (chunk for _ in range(100)), {"Content-Length": str(100 * MIB)})
        assert status == 413, f"{path}: {status} {text}"
        unharmed(case, pid)
        status, text = post(case, path, chunk * limit)
        assert status == 400, f"{path}: {status} {text}"
        # Of unknown length, so that it has to be counted. One that goes on and on is cut.
        status, text = post(case, path, (chunk for _ in range(limit + 4)), {"Transfer-Encoding": "chunked"})
        assert status == 413, f"{path}, chunked: {status} {text}"
        try:
            status, _ = post(case, path, (chunk for _ in range(100)), {"Transfer-Encoding": "chunked"})
            assert status == 413, status
        except (http.client.RemoteDisconnected, ConnectionError):
            pass
        unharmed(case, pid)


def review_of_many_values():
    """31 MiB in which each role of 16 bytes becomes one of more than a hundred."""
    group = {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "g"},
             "spec": {"roles": [{"name": f"r{i:05d}"} for i in range(60_000)]}}
    review = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {
        "uid": "u", "desiredAPIVersion": "workloads.x-k8s.io/v1alpha1", "objects": []}}
    text, one = json.dumps(review), json.dumps(group, separators=(",", ":"))
    return text.replace("[]", "[" + ",".join([one] * (31 * MIB // len(one))) + "]").encode()


@test(alone=True)
def large_reviews_at_once_stay_in_memory(case):
    pid = case.manager.pid
    review = review_of_many_values()
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(post(case, "/convert", review))) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert {status for status, _ in answers} <= {200, 503} and any(status == 200 for status, _ in answers), [a[0] for a in answers]
    peak = case.manager.peak_kib()
    print(f"     four reviews of 31 MiB: {sorted(status for status, _ in answers)}, peak {peak} KiB")
    assert peak < 480 * 1024, f"the manager took {peak} KiB, and the chart lets it have 512 MiB"
    unharmed(case, pid)


@test
def deep_json_is_refused(case):
    pid = case.manager.pid
    for opening, closing in (b"[", b"]"), (b'{"a":', b"}"):
        for path in paths(case):
            status, text = post(case, path, opening * 10000 + b"1" + closing * 10000)
            assert status in (400, 413), f"{path}: {status} {text}"
            assert "deep" in text or "nest" in text, text
    unharmed(case, pid)


@test
def small_text_can_not_become_a_large_tree(case):
    pid = case.manager.pid
    review = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","object":[' + b"{},[]," * 500000 + b"{}]}}"
    status, text = post(case, GROUP[0], review)
    assert status in (200, 400, 413), f"{status} {text}"
    unharmed(case, pid)


@test
def half_a_request_holds_nobody_up(case):
    """Clients that say nothing more: others are still answered at once."""
    pid = case.manager.pid
    idle = [socket.create_connection(("127.0.0.1", case.manager.webhook_port)) for _ in range(50)]
    slow = case.manager.webhook()
    slow.connect()
    slow.sock.sendall(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    try:
        status, _ = post(case, "/convert", b"{")
        assert status == 400, status
        case.kubectl("apply", "--dry-run=server", "-f", case.example("two-roles.yaml"))
    finally:
        slow.close()
        for s in idle:
            s.close()
    unharmed(case, pid)


@test(alone=True)
def a_large_list_is_read_in_the_other_version(case):
    """Three hundred groups of 30 KB: kubectl asks for 500 at a time, which the API server has converted in one request."""
    variables = [{"name": f"VARIABLE_{i}", "value": "some value of it " * 60} for i in range(30)]
    template = {"spec": {"containers": [{"name": "c", "image": "e/i:1", "env": variables}]}}
    spec = {"roles": [{"name": "r", "replicas": 0, "standalonePattern": {"template": template}}]}
    names, ns = [f"large-{i}" for i in range(300)], case.ns

    def create(name):
        case.api.create("RoleBasedGroup", {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
                                           "metadata": {"name": name}, "spec": spec}, ns)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(create, names))
    text = case.kubectl("get", "rolebasedgroups.v1alpha1.workloads.x-k8s.io", "-o", "json").stdout
    assert len(text) > 8 * MIB, len(text)
    groups = json.loads(text)["items"]
    assert sorted(g["metadata"]["name"] for g in groups) == sorted(names)
    for group in groups:
        assert group["apiVersion"] == "workloads.x-k8s.io/v1alpha1"
        assert group["spec"]["roles"][0]["template"]["spec"]["containers"][0]["env"] == variables


@test
def a_bad_object_is_answered_not_dropped(case):
    """Valid reviews of nonsense: the answer is a review with the same uid."""
    pid = case.manager.pid
    for value in (None, [], "text", 7, {"kind": "RoleBasedGroup"}, {"spec": []}, {"spec": {"roles": "x"}}, {"spec": {"roles": [None, 3]}}):
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "operation": "CREATE", "kind": {"group": "workloads.x-k8s.io", "version": "v1alpha2", "kind": "RoleBasedGroup"},
            "object": value}}
        for path in GROUP:
            status, text = post(case, path, json.dumps(review).encode())
            assert status == 200, f"{path}: {value}: {status} {text}"
            response = json.loads(text)["response"]
            assert response["uid"] == "u-1"
            if path.startswith("/validate"):
                assert response["allowed"] is False and response["status"]["message"], response
    review = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {
        "uid": "u-2", "desiredAPIVersion": "workloads.x-k8s.io/v1alpha9", "objects": [
            {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "a"}, "spec": {"roles": []}}]}}
    status, text = post(case, "/convert", json.dumps(review).encode())
    response = json.loads(text)["response"]
    assert status == 200 and response["uid"] == "u-2" and response["result"]["status"] == "Failure", text
    assert "v1alpha9" in response["result"]["message"], text
    unharmed(case, pid)


@test
def probes_and_metrics(case):
    case.apply({"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": "g"}, "spec": {"roles": [
        {"name": "a", "replicas": 1, "standalonePattern": {"template": {"spec": {"containers": [{"name": "c", "image": "e/i:1"}]}}}}]}})
    case.wait_ready("g", 60)
    assert case.manager.probe("/healthz") == (200, "ok")
    assert case.manager.probe("/readyz") == (200, "ok")
    assert case.manager.probe("/elsewhere")[0] == 404
    status, text = case.manager.probe("/metrics", case.manager.metrics_port)
    assert status == 200
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0, line
    for name in ("rbg_reconcile_total", "rbg_reconcile_duration_seconds_bucket", "rbg_admission_requests_total"):
        assert f"\n{name}{{" in text, f"{name} is not among the metrics"


@test(alone=True)
def not_ready_before_the_caches_are_filled(case):
    """An API server that does not answer: the process is alive, not ready, and says why."""
    case.manager.stop()
    case.cluster.signal("kube-apiserver", "STOP")
    try:
        case.manager.start(ready=False)
        wait(lambda: case.manager.probe("/healthz") == (200, "ok"), 5, "the manager is alive")
        status, text = case.manager.probe("/readyz")
        assert status == 503 and text.startswith("not ready: "), f"{status} {text}"
    finally:
        case.cluster.signal("kube-apiserver", "CONT")
    wait(case.manager.ready, 40, "the manager gets ready once it can")


@test(alone=True)
def it_ends_in_order(case):
    """SIGTERM: everything is closed within seconds, and the status is 0."""
    assert case.manager.stop() == 0
    case.manager.start()


@test(alone=True)
def it_answers_while_it_is_asked(case):
    """SIGTERM with a delay: who has not heard that it ends is answered, even when the delay is over."""
    delay_s, asked_s = 2, 3
    flag = f"--shutdown-delay-duration={delay_s}s"
    case.manager.stop()
    case.manager.command.append(flag)
    try:
        case.manager.start()
        case.manager.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        while time.monotonic() - begin < asked_s:
            assert post(case, "/nowhere", b"{}")[0] == 404
            time.sleep(0.1)
        assert case.manager.process.wait(20) == 0
        took = time.monotonic() - begin
        assert took < 2 * delay_s + 2, f"it ended after {took:.1f} s"
    finally:
        case.manager.command.remove(flag)
        case.manager.start()
