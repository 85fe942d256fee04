"""A pod template in a group is checked as deeply as one in a Deployment: what the API server refuses there is
refused here, in an inline template, behind a patch and in a custom component, and what it takes is taken."""

from harness import test
from kube import ApiError, path
from whole_api_pods import BROKEN, LABELS, ODD, SOONER, component, labelled, standalone


def deployment(template):
    return "Deployment", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "deep"},
                          "spec": {"selector": {"matchLabels": LABELS}, "template": labelled(template)}}


def refusal(case, document):
    """What the API server says against it; None when it would take it."""
    kind, body = document
    try:
        case.api.request("POST", path(kind, case.ns) + "?dryRun=All", body)
    except ApiError as e:
        assert e.status in (400, 403, 422), e
        return e.message
    return None


def compared(case, rows, wrong):
    """Calls wrong with what the API server says to the Deployment and to each of the groups."""
    found = []
    for name, template in rows.items():
        words = [refusal(case, make(template)) for make in (deployment, standalone, component)]
        text = wrong(*words)
        if text:
            found.append(f"{name}: {text}\n  Deployment: {words[0]}\n  standalone: {words[1]}\n  component:  {words[2]}")
    assert not found, f"{len(found)} of {len(rows)}:\n" + "\n".join(found)


@test
def what_a_deployment_refuses_a_group_refuses(case):
    def wrong(reference, inline, custom):
        if reference is None:
            return "the Deployment is taken: the row is no test"
        return None if inline and custom else "the group is taken"
    compared(case, BROKEN, wrong)


@test
def what_a_deployment_takes_a_group_takes(case):
    def wrong(reference, inline, custom):
        if reference is not None:
            return "the Deployment is refused: the row is no test"
        return "the group is refused" if inline or custom else None
    compared(case, ODD, wrong)


@test
def what_only_a_group_refuses_or_takes(case):
    """Where the two differ on purpose, each with its reason."""
    for name, (template, taken) in SOONER.items():
        words = [refusal(case, make(template)) for make in (deployment, standalone, component)]
        assert [w is None for w in words] == taken, f"{name}: {words}"
