"""The manager killed, and the API server restarted under it: afterwards there is exactly what there should be."""

import os
import random
import time

from harness import is_ready, test
from kube import wait
from test_changes import uids
from test_examples import EXPECTED, check_addresses

SEED = int(os.environ.get("RBG_SEED") or random.randrange(1 << 32))
KILLS = 20
RESTARTS = 3

# prefill-decode.yaml, every role at the same number of replicas
GROUP = "pd"


def expected(replicas):
    """Name -> owner of all that there has to be, of each kind."""
    roles = ("router", "prefill", "decode")
    instances = {f"pd-{r}-{i}": f"pd-{r}" for r in roles for i in range(replicas)}
    pods = {}
    for name, owner in instances.items():
        members = [f"{name}-{n}" for n in range(3)] if owner == "pd-decode" else [name]
        pods.update({member: name for member in members})
    return {"RoleInstanceSet": {f"pd-{r}": GROUP for r in roles}, "Service": {f"s-pd-{r}": f"pd-{r}" for r in roles},
            "ConfigMap": {"pd": GROUP}, "RoleInstance": instances, "Pod": pods}


def exactly(case, replicas, image):
    """Each object once, owned by its owner's very uid, current and ready; nothing else."""
    group = case.get("RoleBasedGroup", GROUP)
    owners = {GROUP: group["metadata"]["uid"]}
    for kind, want in expected(replicas).items():
        found = {o["metadata"]["name"]: o["metadata"] for o in case.list(kind) if o["metadata"]["name"] != "kube-root-ca.crt"}
        assert sorted(found) == sorted(want), f"{kind}: there are {sorted(found)}, not {sorted(want)}"
        for name, meta in found.items():
            assert "deletionTimestamp" not in meta, f"{kind} {name} is being deleted"
            references = meta["ownerReferences"]
            assert len(references) == 1 and references[0]["uid"] == owners[want[name]], f"{kind} {name}: {references}"
        owners.update({name: meta["uid"] for name, meta in found.items()})
    for name, pod in case.pods().items():
        images = {c["image"] for c in pod["spec"]["containers"]}
        assert "router" in name or images == {image}, f"{name} runs {images}"
    revisions(case)
    check_addresses(case, GROUP, case.pods())
    return is_ready(group)


def revisions(case):
    """No revision exists twice: neither its number nor its content, for one owner."""
    seen = set()
    for r in case.list("ControllerRevision"):
        owner = r["metadata"]["ownerReferences"][0]["uid"]
        for key in ((owner, r["revision"]), (owner, str(r["data"]))):
            assert key not in seen, f"{r['metadata']['name']} is there twice"
            seen.add(key)


def set_all(case, replicas, image):
    """Another size and another image for all roles, in one update."""
    group = case.get("RoleBasedGroup", GROUP)
    for role in group["spec"]["roles"]:
        role["replicas"] = replicas
        for pattern in ("standalonePattern", "leaderWorkerPattern"):
            if pattern in role and role["name"] != "router":
                role[pattern]["template"]["spec"]["containers"][0]["image"] = image
    group["metadata"].pop("managedFields", None)
    case.api.replace("RoleBasedGroup", case.ns, GROUP, group)


def image_of(round_number):
    return f"registry.example.com/engine:{round_number}"


def terminating(case):
    return [n["metadata"]["name"] for n in case.api.request("GET", "/api/v1/namespaces")["items"]
            if n["status"]["phase"] == "Terminating"]


def begin(case):
    case.kubectl("apply", "-f", case.example("prefill-decode.yaml"))
    case.wait_ready(GROUP)
    wait(lambda: case.manager.ready(), 30, "the webhooks answer")


@test(alone=True)
def killed_during_rollouts(case):
    """Twenty times at a random moment of a rollout that scales, updates in place and replaces."""
    print(f"     seed {SEED} (RBG_SEED)", flush=True)
    dice = random.Random(SEED)
    begin(case)
    for number in range(KILLS):
        replicas, image = 1 + number % 3, image_of(number)
        wait(lambda r=replicas, i=image: set_all(case, r, i) is None, 30, "the group is changed")
        time.sleep(dice.uniform(0, 1.5))  # the random moment
        case.manager.kill()
        case.manager.start()
        # Not every rollout ends before the next begins: the next one meets half of it.
        if number % 4 == 3:
            wait(lambda r=replicas, i=image: exactly(case, r, i), 90, f"all is right after kill {number + 1} (seed {SEED})")
    replicas, image = 1 + (KILLS - 1) % 3, image_of(KILLS - 1)
    wait(lambda: exactly(case, replicas, image), 90, f"all is right in the end (seed {SEED})")
    settled = uids(case.pods())
    assert exactly(case, replicas, image) and uids(case.pods()) == settled


@test(alone=True)
def killed_during_creation(case):
    """Killed while a new group is built, and again while it is deleted."""
    dice = random.Random(SEED)
    for number in range(3):
        case.kubectl("apply", "-f", case.example("prefill-decode.yaml"))
        time.sleep(dice.uniform(0, 0.8))
        case.manager.kill()
        case.manager.start()

        def complete():
            found = sorted(case.pods())
            assert found == sorted(EXPECTED["prefill_decode"][1]), found
            return is_ready(case.get("RoleBasedGroup", GROUP))
        wait(complete, 60, f"the group is complete and Ready (seed {SEED}, {number})")
        revisions(case)
        case.kubectl("delete", "rbg", GROUP)
        wait(lambda: not case.list("Pod") and not case.list("RoleInstance"), 60, "all is gone")


@test(alone=True)
def api_server_restarts_under_it(case):
    """The API server is killed in the middle of a rollout and comes back; the manager stays the same process."""
    pid = case.manager.pid
    # An API server that starts does not list custom resources for a moment; a namespace that ends just then is taken for empty,
    # and its objects stay for ever. That is none of this test's business, so the earlier tests' namespaces end first.
    wait(lambda: not terminating(case), 120, "no namespace is being deleted")
    begin(case)
    for number in range(RESTARTS):
        replicas, image = 1 + number % 3, image_of(number)
        wait(lambda r=replicas, i=image: set_all(case, r, i) is None, 30, "the group is changed")
        case.cluster.restart_api_server(1)
        wait(lambda r=replicas, i=image: exactly(case, r, i), 90, f"all is right after restart {number + 1}")
        assert case.manager.alive() and case.manager.pid == pid, "the manager has ended"
    wait(case.manager.ready, 30, "the manager is ready")


@test(alone=True)
def a_deleted_namespace_is_no_trouble(case):
    """Its pods go while the groups are still there; what can't be made again in it is no failure."""
    begin(case)
    wait(lambda: not terminating(case), 120, "no namespace is being deleted")
    since = os.path.getsize(case.manager.log_path)
    case.kubectl("delete", "namespace", case.ns, "--timeout=60s")
    time.sleep(2)  # as long as a retry takes
    with open(case.manager.log_path, encoding="utf-8") as log:
        log.seek(since)
        # Caches may still come back from the test before, in which the API server restarts; that is about no namespace.
        found = [line for line in log if case.ns in line]
    assert not found, "".join(found)
