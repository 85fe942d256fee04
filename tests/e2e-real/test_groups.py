"""Groups whose containers really run: they find each other, restart in place, and go."""

import re

from harness import test
from kube import wait

GROUP = "servers"
PODS = {  # and what each one serves at /
    "servers-router-0": "router",
    "servers-prefill-0": "prefill", "servers-prefill-1": "prefill",
    "servers-decode-0-0": "decode", "servers-decode-0-1": "decode",
    "servers-decode-1-0": "decode", "servers-decode-1-1": "decode",
}
LEADERS = {"servers-decode-0-0", "servers-decode-1-0"}
ADDRESSED = {"servers-router-0", "servers-prefill-0", "servers-prefill-1", *LEADERS}


def manifest(case):
    with open(case.example("real-servers.yaml"), encoding="utf-8") as f:
        return f.read().replace("docker.io/library/busybox:1.36", case.cluster.images[0])


def start(case):
    """Applied, Ready, and the pods that are to be there."""
    # The labels refuse what the example should not need.
    case.kubectl("label", "namespace", case.ns, "pod-security.kubernetes.io/enforce=restricted")
    case.kubectl("apply", "-f", "-", stdin=manifest(case))
    case.wait_ready(GROUP, 120)
    pods = case.pods()
    assert set(pods) == set(PODS), sorted(pods)
    return pods


def execute(case, pod, *command, check=True):
    return case.kubectl("exec", pod, "-c", "server", "--", *command, check=check).stdout


def fetch(case, pod, url):
    return execute(case, pod, "timeout", "5", "wget", "-qO-", url).strip()


def config_addresses(case, pod):
    """From the file in the container, not from the ConfigMap."""
    return re.findall(r"^ *- address: (\S+)$", execute(case, pod, "cat", "/etc/rbg/config.yaml"), re.M)


def containers(pods):
    return {name: (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]) for name, pod in pods.items()}


@test
def every_address_answers_from_every_pod(case):
    start(case)
    for pod in PODS:
        addresses = config_addresses(case, pod)
        assert {a.split(".")[0] for a in addresses} == ADDRESSED, f"{pod} reads {addresses}"
        for address in addresses:
            name = address.split(".")[0]
            answer = fetch(case, pod, f"http://{address}:8000/")
            assert answer == f"{name} {PODS[name]}", f"{pod} asked {address}, which said {answer!r}"


@test
def the_router_reaches_all_servers(case):
    start(case)
    # Through the API server, which reaches the pod at its address.
    path = f"/api/v1/namespaces/{case.ns}/pods/servers-router-0:8000/proxy/cgi-bin/peers"
    text = case.kubectl("get", "--raw", path).stdout
    answers = dict(line.split(": ", 1) for line in text.splitlines())
    expected = {f"{name}.s-servers-{PODS[name]}": f"{name} {PODS[name]}"
                for name in ADDRESSED - {"servers-router-0"}}
    assert answers == expected, text


@test
def workers_find_their_leader(case):
    start(case)
    for index in (0, 1):
        leader, worker = f"servers-decode-{index}-0", f"servers-decode-{index}-1"
        for pod, position in ((leader, "0"), (worker, "1")):
            seen = dict(line.split("=", 1) for line in execute(case, pod, "env").splitlines() if "=" in line)
            got = [seen[f"RBG_LWP_{name}"] for name in ("LEADER_ADDRESS", "GROUP_SIZE", "WORKER_INDEX")]
            assert got == [f"{leader}.s-servers-decode.{case.ns}", "2", position], f"{pod}: {got}"
            answer = execute(case, pod, "sh", "-c", 'timeout 5 wget -qO- "http://$RBG_LWP_LEADER_ADDRESS:8000/"')
            assert answer.strip() == f"{leader} decode", answer
        # Before that, what it says while the leader's name is not known yet.
        said = case.kubectl("logs", worker).stdout.splitlines()
        assert said[-1:] == [f"worker 1 of 2 follows {leader} decode"], said


@test
def a_service_spreads_over_the_pods(case):
    start(case)
    labels = {"rbg.workloads.x-k8s.io/group-name": GROUP, "rbg.workloads.x-k8s.io/role-name": "prefill"}
    case.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "prefill"},
                "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]}})
    seen = set()

    def both():
        seen.add(fetch(case, "servers-router-0", "http://prefill/"))
        return seen == {"servers-prefill-0 prefill", "servers-prefill-1 prefill"}
    wait(both, 30, "both prefill servers have answered for the Service")


@test
def a_new_image_restarts_containers_in_place(case):
    before = containers(start(case))
    case.patch_role(GROUP, "prefill", rolloutStrategy={"type": "RollingUpdate",
                                                       "rollingUpdate": {"type": "InPlaceIfPossible"}})
    case.wait_ready(GROUP, 60)
    role = next(r for r in case.get("RoleBasedGroup", GROUP)["spec"]["roles"] if r["name"] == "prefill")
    pattern = role["standalonePattern"]
    pattern["templateRef"]["patch"] = {"spec": {"containers": [{"name": "server", "image": case.cluster.images[1]}]}}
    case.patch_role(GROUP, "prefill", standalonePattern=pattern)

    def rolled():
        now = case.pods()
        for name in ("servers-prefill-0", "servers-prefill-1"):
            status = now[name]["status"]["containerStatuses"][0]
            assert now[name]["spec"]["containers"][0]["image"] == case.cluster.images[1], name
            assert status["imageID"] != before[name][1]["imageID"] and status["ready"], f"{name}: {status}"
        return now
    after = containers(wait(rolled, 120, "both prefill pods run the new image"))
    case.wait_ready(GROUP, 60)
    for name, (uid, status) in after.items():
        assert uid == before[name][0], f"{name} was replaced"
        restarts = status["restartCount"] - before[name][1]["restartCount"]
        assert restarts == (1 if "prefill" in name else 0), f"{name} was restarted {restarts} times"
    for name in ("servers-prefill-0", "servers-prefill-1"):
        assert fetch(case, "servers-router-0", f"http://{name}.s-servers-prefill:8000/") == f"{name} prefill"


@test
def a_scaled_role_is_found_by_running_pods(case):
    before = containers(start(case))
    case.patch_role(GROUP, "prefill", replicas=3)

    def found():
        # The kubelet writes the file anew when it looks after the pod the next time.
        assert "servers-prefill-2.s-servers-prefill" in config_addresses(case, "servers-router-0")
        return fetch(case, "servers-router-0", "http://servers-prefill-2.s-servers-prefill:8000/")
    assert wait(found, 120, "the router finds and asks the new server") == "servers-prefill-2 prefill"
    after = containers(case.pods())
    for name, (uid, status) in before.items():
        assert after[name][0] == uid and after[name][1]["restartCount"] == status["restartCount"], name


@test
def an_ended_container_takes_its_instance_along(case):
    before = containers(start(case))
    # The command may end with its container, before it says that it has done its work.
    execute(case, "servers-decode-1-1", "kill", "-TERM", "1", check=False)

    def recreated():
        now = containers(case.pods())
        changed = {name for name in PODS if now[name][0] != before[name][0]}
        assert changed == {"servers-decode-1-0", "servers-decode-1-1"}, f"replaced: {sorted(changed)}"
        return all(status["ready"] for _, status in now.values())
    wait(recreated, 120, "both pods of the instance, and no other, are new and ready")
    case.wait_ready(GROUP, 60)
    assert fetch(case, "servers-decode-1-1", "http://servers-decode-1-0.s-servers-decode:8000/") \
        == "servers-decode-1-0 decode"


@test
def nothing_stays_when_deleted(case):
    start(case)
    kinds = ("RoleBasedGroup", "RoleInstanceSet", "RoleInstance", "Pod", "Service", "ConfigMap",
             "ControllerRevision")
    case.kubectl("delete", "rbg", GROUP)

    def gone():
        left = [f"{kind}/{o['metadata']['name']}" for kind in kinds for o in case.list(kind)
                if o["metadata"]["name"] != "kube-root-ca.crt"]
        assert not left, f"still there: {left}"
        return True
    wait(gone, 90, "all that belonged to the group is gone")
