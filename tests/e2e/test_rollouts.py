"""What a rollout keeps, on a real API server: counted from the pods' own Ready conditions, event by event, as the endpoints of a
Service would be."""

import collections
import datetime
import json
import subprocess
import threading

from harness import cases, is_ready, test
from kube import wait
from manager import USER

SIZE = 2


def group(case, replicas=3, image="eng:1", min_ready=0, order="Parallel", **rolling):
    role = {"name": "w", "replicas": replicas, "minReadySeconds": min_ready, "podManagementPolicy": order,
            "leaderWorkerPattern": {"size": SIZE, "template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
            "metadata": {"name": "g", "namespace": case.ns}, "spec": {"roles": [role]}}


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Service:
    """Counts the instances that are available, after each event of a watch on the pods."""

    def __init__(self, case, min_ready=0):
        self.min_ready = min_ready
        self.pods, self.least, self.most = {}, None, 0
        command = [case.cluster.kubectl_path, "--kubeconfig", case.cluster.kubeconfig, "-n", case.ns, "get", "pods", "--watch",
                   "-o", "json", "--output-watch-events"]
        self.watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        decoder, text = json.JSONDecoder(), ""
        for line in self.watch.stdout:
            text += line
            if line != "}\n" and not line.startswith("{"):
                continue
            try:
                event, end = decoder.raw_decode(text)
            except ValueError:
                continue
            text = text[end:].lstrip()
            self.see(event["type"], event["object"])

    def see(self, what, pod):
        if what == "DELETED":
            self.pods.pop(pod["metadata"]["uid"], None)
        else:
            self.pods[pod["metadata"]["uid"]] = pod
        up = self.available()
        if self.least is not None and up < self.least:
            self.least = up
        self.most = max(self.most, len({self.owner(p) for p in self.pods.values() if "deletionTimestamp" not in p["metadata"]}))

    @staticmethod
    def owner(pod):
        return pod["metadata"]["ownerReferences"][0]["uid"]

    def is_up(self, pod):
        now = datetime.datetime.now(datetime.timezone.utc).timestamp()
        ready = [c for c in pod["status"].get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"]
        return ("deletionTimestamp" not in pod["metadata"] and bool(ready)
                and now - seconds(ready[0]["lastTransitionTime"]) >= self.min_ready)

    def available(self):
        up = collections.Counter(self.owner(p) for p in list(self.pods.values()) if self.is_up(p))
        return sum(n == SIZE for n in up.values())

    def begin(self, count):
        """From now on the least is kept."""
        wait(lambda: self.available() == count, 30, f"{count} instances are available")
        self.least, self.most = count, 0

    def end(self):
        self.watch.kill()
        self.thread.join()
        return self.least


def all_at(case, image, replicas=3):
    pods = case.pods()
    images = sorted(p["spec"]["containers"][0]["image"] for p in pods.values())
    assert images == [image] * replicas * SIZE, images
    return is_ready(case.get("RoleBasedGroup", "g"))


def instance_ready(case, name):
    conditions = {i["metadata"]["name"]: i.get("status", {}).get("conditions", []) for i in case.list("RoleInstance")}
    return any(c["type"] == "RoleInstanceReady" and c["status"] == "True" for c in conditions.get(name, []))


def calm(case, since):
    """A healthy rollout warns of nothing, and nothing that it asks for is refused."""
    warnings = [f"{e['involvedObject']['kind']} {e['reason']}: {e['message']}" for e in case.list("Event") if e["type"] == "Warning"]
    assert not warnings, warnings
    refused = [(e["verb"], e["requestURI"]) for e in case.cluster.audit(since)
               if e["user"]["username"] == USER and e.get("responseStatus", {}).get("code") == 409
               and e.get("objectRef", {}).get("namespace") == case.ns]
    assert not refused, refused


def surge_in_use(case):
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: instance_ready(case, "g-w-3") and not instance_ready(case, "g-w-2"), 60,
         "the extra instance is ready and g-w-2 is not")


def begin(case, min_ready=0, **rolling):
    case.rolling = rolling
    case.apply(group(case, min_ready=min_ready, **rolling))
    case.wait_ready("g")
    service = Service(case, min_ready)
    service.begin(3)
    return service


@cases(recreate_on=("RecreatePod", "eng:3"), recreate_back=("RecreatePod", "eng:1"), in_place_on=("InPlaceIfPossible", "eng:3"),
       in_place_back=("InPlaceIfPossible", "eng:1"))
def a_turn_keeps_all_in_service(case, how):
    update_type, image = how
    service = begin(case, type=update_type, maxUnavailable=0, maxSurge=1)
    surge_in_use(case)
    case.apply(group(case, image=image, **case.rolling))
    wait(lambda: all_at(case, image), 90, f"all pods are at {image}")
    wait(lambda: len(case.list("RoleInstance")) == 3, 30, "the extra instance is gone")
    least = service.end()
    assert least >= 3, f"only {least} of 3 instances served at one moment; maxUnavailable is 0"
    assert service.most <= 4, f"{service.most} instances at once"


@test(alone=True)
def a_manager_that_ends_keeps_all_in_service(case):
    service = begin(case, type="RecreatePod", maxUnavailable=0, maxSurge=1)
    surge_in_use(case)
    case.apply(group(case, image="eng:1", **case.rolling))
    case.manager.kill()
    case.manager.start()
    wait(lambda: all_at(case, "eng:1"), 90, "all pods are at eng:1")
    least = service.end()
    assert least >= 3, f"only {least} of 3 instances served at one moment; maxUnavailable is 0"


@cases(in_place="InPlaceIfPossible")
def a_healthy_rollout_is_calm(case, update_type):
    since = case.cluster.audit_size()
    service = begin(case, type=update_type, maxUnavailable=1, maxSurge=0)
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: all_at(case, "eng:2"), 90, "all pods are at eng:2")
    least = service.end()
    assert least >= 2, f"only {least} of 3 instances served; maxUnavailable is 1"
    calm(case, since)


@test
def min_ready_seconds_count_for_the_surge(case):
    service = begin(case, min_ready=4, type="RecreatePod", maxUnavailable=0, maxSurge=1)
    case.apply(group(case, image="eng:2", min_ready=4, **case.rolling))
    wait(lambda: all_at(case, "eng:2"), 120, "all pods are at eng:2")
    wait(lambda: case.get("RoleInstanceSet", "g-w")["status"]["availableReplicas"] == 3, 30, "all are available")
    least = service.end()
    assert least >= 3, f"only {least} of 3 instances were available at one moment"


@test
def a_partition_and_a_pause_hold_the_rest(case):
    service = begin(case, type="InPlaceIfPossible", maxUnavailable=1, partition=2)
    case.apply(group(case, image="eng:2", **case.rolling))

    def images():
        return [case.pods()[f"g-w-{i}-0"]["spec"]["containers"][0]["image"] for i in range(3)]
    wait(lambda: images() == ["eng:1", "eng:1", "eng:2"] and instance_ready(case, "g-w-2"), 60, "only g-w-2 is updated")
    case.rolling = {**case.rolling, "partition": 0, "paused": True}
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: case.get("RoleInstanceSet", "g-w")["spec"]["updateStrategy"]["paused"], 10, "the set is paused")
    before = case.cluster.audit_size()
    wait(lambda: case.cluster.audit_size() > before + 20000, 10, "time passes")  # the leases of the nodes
    assert images() == ["eng:1", "eng:1", "eng:2"], images()
    case.rolling = {**case.rolling, "partition": 1, "paused": False}
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: images() == ["eng:1", "eng:2", "eng:2"], 60, "g-w-1 follows")
    case.rolling["partition"] = 0
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: all_at(case, "eng:2"), 60, "all are updated")
    least = service.end()
    assert least >= 2, f"only {least} of 3 instances served; maxUnavailable is 1"


@test
def ordered_ready_makes_one_instance_after_another(case):
    case.apply(group(case, order="OrderedReady", min_ready=2))
    case.wait_ready("g", 60)
    pods = case.pods()
    for i in (0, 1):
        ready = max(seconds(c["lastTransitionTime"]) for p in (f"g-w-{i}-0", f"g-w-{i}-1")
                    for c in pods[p]["status"]["conditions"] if c["type"] == "Ready")
        made = seconds(pods[f"g-w-{i + 1}-0"]["metadata"]["creationTimestamp"])
        assert made - ready >= 2, f"g-w-{i + 1} was made {made - ready} s after g-w-{i} was ready"


@test
def in_place_only_names_the_field_in_the_way(case):
    service = begin(case, type="InPlaceOnly", maxUnavailable=1)
    before = {n: p["metadata"]["uid"] for n, p in case.pods().items()}
    other = group(case, image="eng:2", **case.rolling)
    other["spec"]["roles"][0]["leaderWorkerPattern"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    case.apply(other)

    def told():
        conditions = case.get("RoleInstanceSet", "g-w")["status"].get("conditions", [])
        return any(c["type"] == "FailedUpdate" and "containers[main].env" in c["message"] for c in conditions)
    wait(told, 20, "FailedUpdate names the field")
    assert {n: p["metadata"]["uid"] for n, p in case.pods().items()} == before
    assert service.end() == 3
    case.apply(group(case, image="eng:2", **case.rolling))
    wait(lambda: all_at(case, "eng:2"), 60, "without the variable it goes on")
    assert {n: p["metadata"]["uid"] for n, p in case.pods().items()} == before


@test
def labels_of_a_role_come_and_go_without_a_restart(case):
    first = group(case)
    first["spec"]["roles"][0]["labels"] = {"team": "a", "tier": "gold"}
    case.apply(first)
    case.wait_ready("g")
    before = {n: p["metadata"]["uid"] for n, p in case.pods().items()}
    case.kubectl("label", "roleinstance", "--all", "mark=theirs")
    first["spec"]["roles"][0]["labels"] = {"team": "b", "zone": "west"}
    case.apply(first)

    def follow(want):
        for instance in case.list("RoleInstance"):
            labels = instance["metadata"]["labels"]
            have = {k: labels[k] for k in ("team", "tier", "zone", "mark") if k in labels}
            assert have == want, f"{instance['metadata']['name']} has {have}"
        return True
    wait(lambda: follow({"team": "b", "zone": "west", "mark": "theirs"}), 20, "the instances' labels follow")
    del first["spec"]["roles"][0]["labels"]
    case.apply(first)
    wait(lambda: follow({"mark": "theirs"}), 20, "the instances' labels go")
    assert {n: p["metadata"]["uid"] for n, p in case.pods().items()} == before
    assert all(s["restartCount"] == 0 for p in case.pods().values() for s in p["status"]["containerStatuses"])


@test
def a_quota_is_told_and_waited_for(case):
    resource = "count/roleinstances.workloads.x-k8s.io"
    target = f"/api/v1/namespaces/{case.ns}/resourcequotas"
    case.api.request("POST", target, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
                                      "spec": {"hard": {resource: "2"}}})
    wait(lambda: resource in case.api.request("GET", target + "/small").get("status", {}).get("used", {}), 90, "the quota counts")
    case.apply(group(case))

    def told():
        conditions = case.get("RoleInstanceSet", "g-w")["status"].get("conditions", [])
        return any(c["type"] == "FailedScale" and "exceeded quota" in c["message"] for c in conditions)
    wait(told, 30, "FailedScale has the API server's words")
    assert len(case.list("RoleInstance")) == 2
    case.api.request("PATCH", target + "/small", {"spec": {"hard": {resource: "5"}}}, "application/merge-patch+json")
    case.wait_ready("g", 60)
    wait(lambda: not told(), 10, "FailedScale is gone")
    refused = [e for e in case.list("Event") if e["type"] == "Warning" and e["reason"] == "FailedCreate"]
    assert sum(e.get("count", 1) for e in refused) <= 2, [e["message"] for e in refused]
