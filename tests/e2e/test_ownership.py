"""What belongs to whom: revisions that the API server will change, and objects that have lost their owner."""

from harness import cases, is_ready, test
from kube import wait
from test_changes import start, uids

SHELL = "sleep 1 && exec engine > /dev/null 2>&1"


def command(case, text):
    case.patch_role("two-roles", "worker", standalonePattern={"template": {"spec": {"containers": [
        {"name": "engine", "image": "registry.example.com/engine:1.0", "command": ["sh", "-c", text]}]}}})


def workers_run(case, text):
    def same():
        runs = {p["spec"]["containers"][0]["command"][2] for name, p in case.pods().items() if "worker" in name}
        assert runs == {text}, f"the workers run {runs}"
        return True
    wait(same, 60, f"the workers run {text}")
    case.wait_ready("two-roles")


def revisions(case):
    return {r["metadata"]["name"]: r for r in case.list("ControllerRevision")}


def spoil(case):
    """Each revision as a program leaves it that does not escape as Kubernetes' own programs do: json.dumps does not."""
    for name, r in revisions(case).items():
        meta = {k: r["metadata"][k] for k in ("name", "labels", "annotations", "ownerReferences") if k in r["metadata"]}
        case.api.delete("ControllerRevision", case.ns, name)
        anew = {**r, "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta}
        case.api.create("ControllerRevision", anew, case.ns)


def can_be_patched(case):
    for name in revisions(case):
        case.api.merge("ControllerRevision", case.ns, name, {"metadata": {"annotations": {"touched": "yes"}}})


@test
def a_rollback_of_a_shell_command_happens(case):
    start(case)
    for text in (SHELL, SHELL + " && true", SHELL):
        command(case, text)
        workers_run(case, text)
    can_be_patched(case)


@test
def a_rollback_over_revisions_that_can_not_be_patched(case):
    start(case)
    command(case, SHELL)
    workers_run(case, SHELL)
    spoil(case)
    for text in ("exec engine < /dev/null", SHELL):
        command(case, text)
        workers_run(case, text)
    warnings = [e["message"] for e in case.list("Event") if e["reason"] == "FailedCreateRevision"]
    assert not warnings, warnings


# --- orphans ---------------------------------------------------------------------------------

LEVELS = {"a_group": ("rbg", "two-roles"), "a_set": ("ris", "two-roles-worker"), "an_instance": ("rins", "two-roles-worker-0")}
KINDS = ("RoleInstanceSet", "RoleInstance", "Pod", "ConfigMap", "Service", "ControllerRevision")


def identities(case):
    return {(kind, o["metadata"]["name"]): o["metadata"]["uid"] for kind in KINDS for o in case.list(kind)}


def all_owned(case, kept):
    """What was there is still there, and everything has a living owner."""
    now = identities(case)
    gone = {k: v for k, v in kept.items() if now.get(k) != v}
    assert not gone, f"{sorted(gone)} were made anew"
    living = set(now.values()) | {g["metadata"]["uid"] for g in case.list("RoleBasedGroup")}
    for kind in KINDS:
        for o in case.list(kind):
            if o["metadata"]["name"] == "kube-root-ca.crt":
                continue
            owners = o["metadata"].get("ownerReferences", [])
            assert len(owners) == 1 and owners[0]["uid"] in living, f"{kind} {o['metadata']['name']}: {owners}"
    return is_ready(case.get("RoleBasedGroup", "two-roles"))


@cases(**LEVELS)
def orphaned(case, level):
    """The deletion ends, also over revisions of before, and what comes again takes over all that was left."""
    kind, name = level
    start(case)
    command(case, SHELL)
    workers_run(case, SHELL)
    spoil(case)
    kept = {k: v for k, v in identities(case).items() if k[1] != name or k[0] in ("Pod", "ConfigMap")}
    pods = uids(case.pods())
    group = case.get("RoleBasedGroup", "two-roles")
    again = {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "spec": group["spec"],
             "metadata": {"name": "two-roles", "annotations": group["metadata"]["annotations"]}}
    case.kubectl("delete", kind, name, "--cascade=orphan", "--timeout=20s")
    if kind == "rbg":
        case.apply(again)
    # A revision that could not be patched has been made anew.
    kept = {k: v for k, v in kept.items() if k[0] != "ControllerRevision"}
    wait(lambda: all_owned(case, kept), 60, "all is owned again")
    assert uids(case.pods()) == pods


# --- names that somebody else has ------------------------------------------------------------


def ready_of(case, group):
    conditions = case.get("RoleBasedGroup", group).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == "Ready"), {})


def taken(case, kind, name, what):
    """Nothing of the object changes; Ready names it; when it goes, the group goes on."""
    before = case.get(kind, name)
    case.kubectl("apply", "-f", case.example("two-roles.yaml"))

    def said():
        ready = ready_of(case, "two-roles")
        assert ready.get("reason") == "NameTaken" and what in ready["message"], ready
        return True
    wait(said, 20, f"Ready names {what}")
    now = case.get(kind, name)
    assert now == before, f"{now}, before {before}"
    case.api.delete(kind, case.ns, name)
    case.wait_ready("two-roles", 60)
    assert case.get(kind, name)["metadata"]["ownerReferences"]


@test
def a_config_map_of_the_user(case):
    case.api.create("ConfigMap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two-roles"},
                                  "data": {"mine": "1"}}, case.ns)
    taken(case, "ConfigMap", "two-roles", "a ConfigMap two-roles exists that this group does not control")


def service(name, labels, selector):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels},
            "spec": {"clusterIP": "None", "selector": selector}}


@test
def a_service_of_another_group(case):
    labels = {"rbg.workloads.x-k8s.io/group-name": "prod"}
    case.api.create("Service", service("s-two-roles-worker", labels, {"app": "prod"}), case.ns)
    taken(case, "Service", "s-two-roles-worker", "a Service s-two-roles-worker exists")


@test
def a_headless_service_of_the_user(case):
    """Its spec becomes the group's; it has no owner, and stays."""
    before = case.api.create("Service", service("s-two-roles-worker", {"mine": "1"}, {"app": "x"}), case.ns)
    start(case)

    def used():
        now = case.get("Service", "s-two-roles-worker")
        assert now["spec"]["selector"] == {"rbg.workloads.x-k8s.io/group-name": "two-roles",
                                           "rbg.workloads.x-k8s.io/role-name": "worker"}, now["spec"]
        assert now["metadata"]["uid"] == before["metadata"]["uid"] and now["metadata"]["labels"]["mine"] == "1"
        assert "ownerReferences" not in now["metadata"]
        return True
    wait(used, 10, "the Service selects the role's pods")
    case.kubectl("delete", "rbg", "two-roles")
    wait(lambda: not case.pods(), 30, "the pods are gone")
    used()


@test
def two_groups_whose_services_share_a_name(case):
    """s-foo-bar is the Service of group foo, role bar, and the old name of that of group s-foo, role bar."""
    def group(name):
        return {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": name},
                "spec": {"roles": [{"name": "bar", "replicas": 1, "standalonePattern": {"template": {"spec": {
                    "containers": [{"name": "main", "image": "registry.example.com/engine:1.0"}]}}}}]}}
    case.apply(group("foo"))
    case.wait_ready("foo")
    before = case.get("Service", "s-foo-bar")
    case.apply(group("s-foo"))
    case.wait_ready("s-foo")
    assert case.get("Service", "s-foo-bar") == before
    case.kubectl("delete", "rbg", "s-foo")
    wait(lambda: len(case.pods()) == 1, 30, "the pods of the second are gone")
    assert case.get("Service", "s-foo-bar") == before
