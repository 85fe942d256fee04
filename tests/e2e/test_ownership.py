"""What belongs to whom: revisions that the API server will change, and objects that have lost their owner."""

from harness import test
from kube import wait
from test_changes import start

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
        case.api.create("ControllerRevision", {**r, "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta}, case.ns)


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
def a_rollback_happens_over_revisions_that_can_not_be_patched(case):
    start(case)
    command(case, SHELL)
    workers_run(case, SHELL)
    spoil(case)
    for text in ("exec engine < /dev/null", SHELL):
        command(case, text)
        workers_run(case, text)
    warnings = [e["message"] for e in case.list("Event") if e["reason"] == "FailedCreateRevision"]
    assert not warnings, warnings
