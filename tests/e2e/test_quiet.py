"""A cluster in which nothing happens: the manager writes nothing."""

import collections
import time

from harness import is_ready, test
from kube import wait
from manager import USER

GROUPS = 100
SECONDS = 60
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def group(case, number):
    def role(name):
        return {"name": name, "replicas": 1, "standalonePattern": {"template": {
            "spec": {"containers": [{"name": "c", "image": "e/i:1"}]}}}}
    return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
            "metadata": {"name": f"q{number}", "namespace": case.ns}, "spec": {"roles": [role("a"), role("b")]}}


def requests(case, since):
    """What the manager asked for, as (verb, resource) -> number."""
    counts = collections.Counter()
    for entry in case.cluster.audit(since):
        if entry["user"]["username"] == USER:
            reference = entry.get("objectRef", {})
            counts[entry["verb"], reference.get("resource", entry["requestURI"]), reference.get("subresource", "")] += 1
    return counts


def writes(counts):
    return {key: n for key, n in counts.items() if key[0] in WRITES}


def nothing_left(case):
    left = [(kind, o["metadata"]["namespace"], o["metadata"]["name"], o["metadata"].get("deletionTimestamp", "not deleted"),
             o["metadata"].get("finalizers", []))
            for kind in ("RoleBasedGroup", "RoleInstanceSet", "RoleInstance") for o in case.api.list(kind)]
    assert not left, left
    return True


def all_recorded(case):
    """Instances' revisions and first statuses give way in a burst; afterwards every instance has them, the revision once."""
    listed = case.list("RoleInstance")
    untold = [o["metadata"]["name"] for o in listed if not any(
        c["type"] == "RoleInstanceReady" and c["status"] == "True" for c in o.get("status", {}).get("conditions", []))]
    assert not untold, f"no status says that these are ready: {untold}"
    instances = sorted(o["metadata"]["uid"] for o in listed)
    owners = [r["metadata"]["ownerReferences"][0] for r in case.list("ControllerRevision")]
    assert sorted(o["uid"] for o in owners if o["kind"] == "RoleInstance") == instances
    assert len(instances) == 2 * GROUPS, len(instances)


def all_ready(case):
    groups = case.list("RoleBasedGroup")
    return len(groups) == GROUPS and all(is_ready(g) for g in groups)


@test(alone=True)
def a_hundred_groups_and_no_write(case):
    # What earlier tests left must be gone: the manager may have to write about it.
    wait(lambda: nothing_left(case), 120, "the other tests' groups are gone")
    begin = case.cluster.audit_size()
    for number in range(GROUPS):
        case.api.create("RoleBasedGroup", group(case, number), case.ns)
    wait(lambda: all_ready(case), 180, f"{GROUPS} groups are Ready")
    made = requests(case, begin)
    # Events are put together for a while, and a status may be settling: until a second without a write.
    wait(lambda: not writes_of_the_next(case, 1.5), 60, "the manager has nothing more to do")
    found = writes_of_the_next(case, SECONDS)
    assert not found, f"the manager wrote in a quiet cluster: {found}"
    all_recorded(case)
    print(f"     {2 * GROUPS} pods took {sum(writes(made).values())} writes; {case.manager.resident_kib()} KiB resident", flush=True)

    # It is quiet, not dead; and a restarted manager has nothing to correct.
    since = case.cluster.audit_size()
    case.manager.kill()
    case.manager.start()
    time.sleep(5)  # as long as anything could be about to happen
    found = writes(requests(case, since))
    assert not found, f"a restarted manager wrote: {found}"
    case.api.delete("Pod", case.ns, "q7-a-0")
    wait(lambda: "q7-a-0" in case.pods() and all_ready(case), 30, "a deleted pod comes back")


def writes_of_the_next(case, seconds):
    since = case.cluster.audit_size()
    time.sleep(seconds)  # the thing that is measured
    return writes(requests(case, since))
