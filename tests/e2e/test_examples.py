"""Each manifest under examples/, as a user meets it: what it becomes, and that nothing stays."""

import glob
import os
import re

from harness import cases, test
from kube import ROOT, wait

EXAMPLES = {os.path.basename(p)[:-5].replace("-", "_"): os.path.basename(p)
            for p in sorted(glob.glob(os.path.join(ROOT, "examples", "*.yaml")))}

L = "rbg.workloads.x-k8s.io/"
NO_NAME = ("", "")  # a worker whose role has a Service for leaders only

# group, pods: {name: (hostname, subdomain, role, instance, component, id, size)}
EXPECTED = {
    "two_roles": ("two-roles", {
        "two-roles-router-0": ("two-roles-router-0", "s-two-roles-router", "router", "two-roles-router-0", "router", "0", "1"),
        "two-roles-worker-0": ("two-roles-worker-0", "s-two-roles-worker", "worker", "two-roles-worker-0", "worker", "0", "1"),
        "two-roles-worker-1": ("two-roles-worker-1", "s-two-roles-worker", "worker", "two-roles-worker-1", "worker", "0", "1"),
    }),
    "two_roles_v1alpha1": ("two-roles-old", {
        "two-roles-old-router-0": ("two-roles-old-router-0", "s-two-roles-old-router", "router", "two-roles-old-router-0", "router", "0", "1"),
        "two-roles-old-worker-0": ("two-roles-old-worker-0", "s-two-roles-old-worker", "worker", "two-roles-old-worker-0", "worker", "0", "1"),
        "two-roles-old-worker-1": ("two-roles-old-worker-1", "s-two-roles-old-worker", "worker", "two-roles-old-worker-1", "worker", "0", "1"),
    }),
    "prefill_decode": ("pd", {
        "pd-router-0": ("pd-router-0", "s-pd-router", "router", "pd-router-0", "router", "0", "1"),
        "pd-prefill-0": ("pd-prefill-0", "s-pd-prefill", "prefill", "pd-prefill-0", "prefill", "0", "1"),
        "pd-prefill-1": ("pd-prefill-1", "s-pd-prefill", "prefill", "pd-prefill-1", "prefill", "0", "1"),
        "pd-decode-0-0": ("pd-decode-0-0", "s-pd-decode", "decode", "pd-decode-0", "leader", "0", "3"),
        "pd-decode-0-1": (*NO_NAME, "decode", "pd-decode-0", "worker", "0", "3"),
        "pd-decode-0-2": (*NO_NAME, "decode", "pd-decode-0", "worker", "1", "3"),
        "pd-decode-1-0": ("pd-decode-1-0", "s-pd-decode", "decode", "pd-decode-1", "leader", "0", "3"),
        "pd-decode-1-1": (*NO_NAME, "decode", "pd-decode-1", "worker", "0", "3"),
        "pd-decode-1-2": (*NO_NAME, "decode", "pd-decode-1", "worker", "1", "3"),
    }),
    "custom_components": ("parts", {
        f"parts-engine-{i}-{c}-{n}": (f"parts-engine-{i}-{c}-{n}", "s-parts-engine", "engine", f"parts-engine-{i}", c, str(n), str(size))
        for i in (0, 1) for c, size in (("coordinator", 1), ("executor", 2)) for n in range(size)
    }),
    "autoscaled": ("autoscaled", {
        "autoscaled-router-0": ("autoscaled-router-0", "s-autoscaled-router", "router", "autoscaled-router-0", "router", "0", "1"),
        "autoscaled-decode-0-0": ("autoscaled-decode-0-0", "s-autoscaled-decode", "decode", "autoscaled-decode-0", "leader", "0", "2"),
        "autoscaled-decode-0-1": (*NO_NAME, "decode", "autoscaled-decode-0", "worker", "0", "2"),
    }),
    "real_servers": ("servers", {
        "servers-router-0": ("servers-router-0", "s-servers-router", "router", "servers-router-0", "router", "0", "1"),
        "servers-prefill-0": ("servers-prefill-0", "s-servers-prefill", "prefill", "servers-prefill-0", "prefill", "0", "1"),
        "servers-prefill-1": ("servers-prefill-1", "s-servers-prefill", "prefill", "servers-prefill-1", "prefill", "0", "1"),
        "servers-decode-0-0": ("servers-decode-0-0", "s-servers-decode", "decode", "servers-decode-0", "leader", "0", "2"),
        "servers-decode-0-1": (*NO_NAME, "decode", "servers-decode-0", "worker", "0", "2"),
        "servers-decode-1-0": ("servers-decode-1-0", "s-servers-decode", "decode", "servers-decode-1", "leader", "0", "2"),
        "servers-decode-1-1": (*NO_NAME, "decode", "servers-decode-1", "worker", "0", "2"),
    }),
    "role_templates": ("templates", {
        "templates-small-0": ("templates-small-0", "s-templates-small", "small", "templates-small-0", "small", "0", "1"),
        "templates-large-0-0": ("templates-large-0-0", "s-templates-large", "large", "templates-large-0", "leader", "0", "2"),
        "templates-large-0-1": (*NO_NAME, "large", "templates-large-0", "worker", "0", "2"),
    }),
}

# Beyond the names that every container gets; {ns}: the namespace.
ENVIRONMENT = {
    "pd-decode-1-0": {"RBG_LWP_LEADER_ADDRESS": "pd-decode-1-0.s-pd-decode.{ns}", "RBG_LWP_GROUP_SIZE": "3",
                      "RBG_LWP_WORKER_INDEX": "0", "RBG_ROLE_INDEX": "1"},
    "pd-decode-1-2": {"RBG_LWP_LEADER_ADDRESS": "pd-decode-1-0.s-pd-decode.{ns}", "RBG_LWP_GROUP_SIZE": "3",
                      "RBG_LWP_WORKER_INDEX": "2", "RBG_ROLE_INDEX": "1", "RBG_COMPONENT_INDEX": "1"},
    "parts-engine-1-executor-0": {"COORDINATOR": "parts-engine-1-coordinator-0.s-parts-engine.{ns}.svc.cluster.local",
                                  "COORDINATOR_PORT": "7000"},
    "templates-small-0": {"MODEL": "small", "LOG": "info"},
    "templates-large-0-0": {"MODEL": "large", "LOG": "info"},
    "templates-large-0-1": {"MODEL": "large", "LOG": None},
}


def environment(pod, container=0):
    """What the container would see: a kubelet's resolution of references and of $(NAME)."""
    labels, seen = pod["metadata"]["labels"], {}
    for entry in pod["spec"]["containers"][container].get("env", []):
        value = entry.get("value", "")
        if "valueFrom" in entry:
            path = entry["valueFrom"]["fieldRef"]["fieldPath"]
            key = re.fullmatch(r"metadata\.labels\['(.+)'\]", path).group(1)
            assert key in labels, f"{pod['metadata']['name']}: {entry['name']} reads label {key}, which is not there"
            value = labels[key]
        seen[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda m: seen.get(m.group(1), m.group(0)), value)
    return seen


def settled(case, group):
    """Ready, and exactly these pods, by name."""
    case.wait_ready(group)
    return case.pods()


def check_pod(case, group, pod, expected):
    hostname, subdomain, role, instance, component, index, size = expected
    labels, spec = pod["metadata"]["labels"], pod["spec"]
    assert (spec.get("hostname", ""), spec.get("subdomain", "")) == (hostname, subdomain), spec
    assert pod["metadata"]["ownerReferences"][0]["name"] == instance
    want = {L + "group-name": group, L + "role-name": role, L + "role-instance-name": instance,
            L + "component-name": component, L + "component-id": index, L + "component-size": size,
            L + "role-instance-index": instance.rsplit("-", 1)[1]}
    got = {key: labels.get(key) for key in want}
    assert got == want, f"labels {got}, expected {want}"
    seen = environment(pod)
    want = {"RBG_GROUP_NAME": group, "RBG_ROLE_NAME": role, "RBG_ROLE_INSTANCE_NAME": instance,
            "RBG_ROLE_INDEX": instance.rsplit("-", 1)[1], "RBG_COMPONENT_NAME": component,
            "RBG_COMPONENT_INDEX": index, **ENVIRONMENT.get(pod["metadata"]["name"], {})}
    want = {k: v and v.format(ns=case.ns) for k, v in want.items()}
    got = {key: seen.get(key) for key in want}
    assert got == want, f"environment {got}, expected {want}"


def addresses(case, group):
    text = case.get("ConfigMap", group)["data"]["config.yaml"]
    return re.findall(r"^ *- address: (\S+)$", text, re.M)


def check_addresses(case, group, pods):
    """Each address is the name of a pod, which a Service that selects the pod publishes."""
    services = {s["metadata"]["name"]: s["spec"] for s in case.list("Service")}
    names = {}
    for pod in pods.values():
        if pod["spec"].get("subdomain"):
            names[f"{pod['spec']['hostname']}.{pod['spec']['subdomain']}"] = pod
    found = addresses(case, group)
    assert found and len(set(found)) == len(found), found
    assert set(found) == set(names), f"config.yaml names {sorted(found)}, the pods are {sorted(names)}"
    for address in found:
        service, labels = services[address.split(".")[1]], names[address]["metadata"]["labels"]
        assert service["clusterIP"] == "None" and service["publishNotReadyAddresses"], service
        assert service["selector"].items() <= labels.items(), (service["selector"], labels)


@cases(**EXAMPLES)
def becomes_what_it_says(case, manifest):
    group, expected = EXPECTED[manifest[:-5].replace("-", "_")]
    case.kubectl("apply", "-f", case.example(manifest))
    pods = settled(case, group)
    assert sorted(pods) == sorted(expected), sorted(pods)
    for name, pod in pods.items():
        check_pod(case, group, pod, expected[name])
    check_addresses(case, group, pods)
    # A second apply of the same changes nothing.
    before = case.get("RoleBasedGroup", group)["metadata"]["resourceVersion"]
    case.kubectl("apply", "-f", case.example(manifest))
    assert case.get("RoleBasedGroup", group)["metadata"]["resourceVersion"] == before


def remains(case):
    """What is left in the namespace, other than what Kubernetes itself put there."""
    kinds = ("RoleBasedGroup", "RoleBasedGroupScalingAdapter", "RoleInstanceSet", "RoleInstance", "Pod", "Service", "ConfigMap",
             "ControllerRevision")
    return [f"{kind}/{o['metadata']['name']}" for kind in kinds for o in case.list(kind)
            if o["metadata"]["name"] != "kube-root-ca.crt"]


@cases(**EXAMPLES)
def leaves_nothing_when_deleted(case, manifest):
    group, _ = EXPECTED[manifest[:-5].replace("-", "_")]
    case.kubectl("apply", "-f", case.example(manifest))
    case.wait_ready(group)
    case.kubectl("delete", "-f", case.example(manifest))

    def nothing():
        left = remains(case)
        assert not left, f"still there: {left}"
        return True
    wait(nothing, 40, f"all that belonged to {group} is gone")


@test
def every_example_is_tested(case):
    assert set(EXAMPLES) == set(EXPECTED), "add the new manifest to EXPECTED"
