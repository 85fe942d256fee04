"""All ten kinds on a real API server: versions, scopes, columns, subresources, deprecation, and what CEL and the
webhooks refuse or warn of in the kinds besides groups."""

import json

from harness import test
from kube import ApiError, wait

V1, V2 = "workloads.x-k8s.io/v1alpha1", "workloads.x-k8s.io/v1alpha2"
# plural: kind, short name, namespaced, versions (the stored one last), subresources
KINDS = {
    "rolebasedgroups": ("RoleBasedGroup", ["rbg"], True, ["v1alpha1", "v1alpha2"], ["status"]),
    "rolebasedgroupsets": ("RoleBasedGroupSet", ["rbgs"], True, ["v1alpha1", "v1alpha2"], ["scale", "status"]),
    "rolebasedgroupscalingadapters": ("RoleBasedGroupScalingAdapter", ["rbgsa"], True, ["v1alpha1", "v1alpha2"], ["scale", "status"]),
    "clusterengineruntimeprofiles": ("ClusterEngineRuntimeProfile", [], False, ["v1alpha1", "v1alpha2"], ["status"]),
    "coordinatedpolicies": ("CoordinatedPolicy", ["cpolicy"], True, ["v1alpha2"], ["status"]),
    "roleinstancesets": ("RoleInstanceSet", ["ris"], True, ["v1alpha2"], ["scale", "status"]),
    "roleinstances": ("RoleInstance", ["rins"], True, ["v1alpha2"], ["status"]),
    "rolebasedgroupwarmups": ("RoleBasedGroupWarmup", ["rbgwarmup"], True, ["v1alpha2"], ["status"]),
    "instancesets": ("InstanceSet", ["is"], True, ["v1alpha1"], ["scale", "status"]),
    "instances": ("Instance", ["ins"], True, ["v1alpha1"], ["status"]),
}
CONVERTED = ("RoleBasedGroup", "RoleBasedGroupSet")
AGE = ("AGE", "date", ".metadata.creationTimestamp", 0)
SET = [("DESIRED", "integer", ".spec.replicas", 0), ("UPDATED", "integer", ".status.updatedReplicas", 0),
       ("UPDATED_READY", "integer", ".status.updatedReadyReplicas", 0), ("READY", "integer", ".status.readyReplicas", 0),
       ("TOTAL", "integer", ".status.replicas", 0), AGE, ("SELECTOR", "string", ".status.labelSelector", 1)]


def ready(condition):
    return ("READY", "string", f".status.conditions[?(@.type=='{condition}')].status", 0)


ADAPTER = [("PHASE", "string", ".status.phase", 0), ("REPLICAS", "integer", ".status.replicas", 0)]
# The contract's. Ours stand behind them.
COLUMNS = {
    "RoleBasedGroup": [ready("Ready"), AGE],
    "RoleBasedGroupSet": [("DESIRED", "string", ".status.replicas", 0), ("READY", "string", ".status.readyReplicas", 0), AGE],
    "RoleBasedGroupScalingAdapter": [*ADAPTER, ("READY_REPLICAS", "integer", ".status.readyReplicas", 0), AGE],
    "CoordinatedPolicy": [AGE], "RoleInstanceSet": SET, "InstanceSet": SET,
    "RoleInstance": [ready("RoleInstanceReady"), AGE], "Instance": [ready("InstanceReady"), AGE],
    "RoleBasedGroupWarmup": [], "ClusterEngineRuntimeProfile": [],
}
# By `kubectl get all`: what people make.
LISTED = ("RoleBasedGroup", "RoleBasedGroupSet", "RoleBasedGroupScalingAdapter", "CoordinatedPolicy", "RoleBasedGroupWarmup")
SCALE = {"RoleBasedGroupSet": None, "RoleBasedGroupScalingAdapter": ".status.selector",
         "RoleInstanceSet": ".status.labelSelector", "InstanceSet": ".status.labelSelector"}


@test
def definitions_are_those_of_the_contract(case):
    crds = {c["spec"]["names"]["plural"]: c for c in case.api.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
            if c["spec"]["group"] == "workloads.x-k8s.io"}
    assert set(crds) == set(KINDS), set(crds) ^ set(KINDS)
    for plural, (kind, short, namespaced, versions, subresources) in KINDS.items():
        spec = crds[plural]["spec"]
        stored = {k: v for k, v in crds[plural].items() if k != "status"}
        assert len(json.dumps(stored, separators=(",", ":"))) < 600_000, plural
        assert spec["names"]["kind"] == kind and spec["names"].get("shortNames", []) == short, spec["names"]
        assert spec["names"].get("categories", []) == (["all"] if kind in LISTED else []), spec["names"]
        assert spec["scope"] == ("Namespaced" if namespaced else "Cluster"), plural
        assert [v["name"] for v in spec["versions"]] == versions, plural
        assert spec["conversion"]["strategy"] == ("Webhook" if kind in CONVERTED else "None"), plural
        conditions = {c["type"]: c["status"] for c in crds[plural]["status"]["conditions"]}
        assert conditions["Established"] == "True" and conditions.get("NonStructuralSchema", "False") == "False", conditions
        for v in spec["versions"]:
            check_version(kind, v, subresources, v["name"] == versions[-1])


def check_version(kind, v, subresources, storage):
    old = v["name"] == "v1alpha1"
    assert v["served"] and v["storage"] == storage and v.get("deprecated", False) == old, (kind, v["name"])
    if old:
        successor = kind if kind not in ("Instance", "InstanceSet") else "Role" + kind
        assert kind in v["deprecationWarning"] and f"v1alpha2 {successor}" in v["deprecationWarning"], v["deprecationWarning"]
    assert sorted(v["subresources"]) == subresources, (kind, v["subresources"])
    if "scale" in subresources:
        scale = v["subresources"]["scale"]
        assert scale["specReplicasPath"] == ".spec.replicas" and scale["statusReplicasPath"] == ".status.replicas", scale
        assert scale.get("labelSelectorPath") == SCALE[kind], scale
    got = [(c["name"], c["type"], c["jsonPath"], c.get("priority", 0)) for c in v.get("additionalPrinterColumns", [])]
    want = [c for c in COLUMNS[kind] if not (old and c[0] == "READY_REPLICAS")]
    assert got[:len(want)] == want, (kind, v["name"], got)


@test
def every_field_of_our_own_is_explained(case):
    for plural, (kind, _, _, versions, _) in KINDS.items():
        for version in versions:
            text = case.kubectl("explain", f"--api-version=workloads.x-k8s.io/{version}", plural + ".spec").stdout
            assert "FIELDS:" in text, text
            fields = text.split("FIELDS:")[1]
            assert "<no description>" not in fields, f"{version} {plural}: {text}"
            assert "<empty>" not in text.split("FIELDS:")[0], text


@test
def v1alpha1_is_deprecated_aloud(case):
    for plural, (kind, _, namespaced, versions, _) in KINDS.items():
        for version in versions:
            done = case.kubectl("get", f"{plural}.{version}.workloads.x-k8s.io")
            warned = f"workloads.x-k8s.io/{version} {kind} is deprecated" in done.stderr
            assert warned == (version == "v1alpha1"), f"{plural} {version}: {done.stderr}"


# --- what is refused ---------------------------------------------------------------------------

TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "e/i:1"}]}}


def warmup(**spec):
    return "rolebasedgroupwarmups", V2, "RoleBasedGroupWarmup", {"spec": spec}


def policy(**rule):
    return "coordinatedpolicies", V2, "CoordinatedPolicy", {"spec": {"policies": [{"name": "r", "roles": ["a", "b"], "strategy": {}, **rule}]}}


def adapter(**spec):
    return "rolebasedgroupscalingadapters", V2, "RoleBasedGroupScalingAdapter", {"spec": spec}


def set_of(name="s", **spec):
    roles = [{"name": "a", "standalonePattern": {"template": TEMPLATE}}]
    return "rolebasedgroupsets", V2, "RoleBasedGroupSet", {"metadata": {"name": name}, "spec": {"groupTemplate": {"spec": {"roles": roles}}, **spec}}


def old(**role):
    return "rolebasedgroups", V1, "RoleBasedGroup", {"spec": {"roles": [{"name": "a", **role}]}}


def group(**role):
    return "rolebasedgroups", V2, "RoleBasedGroup", {"spec": {"roles": [{"name": "a", **role}]}}


IMAGES = {"imagePreload": {"images": ["e/i:1"]}}
NODES = {"nodeNames": ["n"], **IMAGES}
RIS = {"workload": {"apiVersion": V2, "kind": "RoleInstanceSet"}}
PATTERN = {"standalonePattern": {"template": TEMPLATE}}
LEADER = {"size": 2, "template": TEMPLATE}

# name: (object, words of the refusal)
REFUSED = {
    "warmup without a target": (warmup(), ["targetNodes", "targetRoleBasedGroup"]),
    "warmup with both targets": (warmup(targetNodes=NODES, targetRoleBasedGroup={"name": "g", "roles": {"a": IMAGES}}), ["exactly one"]),
    "warmup by names and labels": (warmup(targetNodes={**NODES, "nodeSelector": {"a": "b"}}), ["nodeNames", "nodeSelector"]),
    "warmup of no nodes": (warmup(targetNodes=IMAGES), ["nodeNames"]),
    "warmup of no names": (warmup(targetNodes={"nodeNames": [], **IMAGES}), ["nodeNames"]),
    "warmup without an action": (warmup(targetNodes={"nodeNames": ["n"]}), ["imagePreload", "customizedAction"]),
    "warmup of a role without an action": (warmup(targetRoleBasedGroup={"name": "g", "roles": {"a": {}}}), ["imagePreload"]),
    "warmup of no roles": (warmup(targetRoleBasedGroup={"name": "g", "roles": {}}), ["roles"]),
    "warmup of no images": (warmup(targetNodes={"nodeNames": ["n"], "imagePreload": {"images": []}}), ["images"]),
    "warmup failures without a limit": (warmup(targetNodes=NODES, policies={"maxFailedNodes": 1}), ["backoffLimitPerNode"]),
    "warmup of no parallelism": (warmup(targetNodes=NODES, policies={"parallelism": 0}), ["parallelism"]),
    "warmup timeout": (warmup(targetNodes=NODES, policies={"globalTimeoutSeconds": 0}), ["globalTimeoutSeconds"]),
    "warmup container": (warmup(targetNodes={"nodeNames": ["n"], "customizedAction": {"containers": [{"name": "c"}]}}),
                         ["spec.targetNodes.customizedAction.containers[0].image"]),
    "warmup mount": (warmup(targetNodes={"nodeNames": ["n"], "customizedAction": {"containers": [
        {"name": "c", "image": "i", "volumeMounts": [{"name": "no", "mountPath": "/x"}]}]}}), ["volumeMounts[0].name", "no volume"]),
    "warmup toleration": (warmup(targetNodes=NODES, tolerations=[{"key": "a", "operator": "Is"}]), ["spec.tolerations[0].operator"]),
    "policy without rules": (("coordinatedpolicies", V2, "CoordinatedPolicy", {"spec": {"policies": []}}), ["policies"]),
    "policy without roles": (policy(roles=[]), ["roles"]),
    "policy without a strategy": (("coordinatedpolicies", V2, "CoordinatedPolicy", {"spec": {"policies": [{"name": "r", "roles": ["a"]}]}}), ["strategy"]),
    "policy skew": (policy(strategy={"scaling": {"maxSkew": "a few"}}), ["spec.policies[0].strategy.scaling.maxSkew"]),
    "policy negative skew": (policy(strategy={"rollingUpdate": {"maxSkew": -1}}), ["spec.policies[0].strategy.rollingUpdate.maxSkew"]),
    "policy progression": (policy(strategy={"scaling": {"progression": "OrderNone"}}), ["progression"]),
    "policy role twice": (policy(roles=["a", "a"]), ["spec.policies[0].roles[1]"]),
    "adapter without a target": (adapter(replicas=1), ["scaleTargetRef"]),
    "adapter without a role": (adapter(scaleTargetRef={"name": "g"}), ["role"]),
    "set name with a dot": (set_of("a.b"), ["metadata.name", "a.b-0"]),
    "set whose groups get too long a name": (set_of("s" * 60, replicas=1000), ["metadata.name"]),
    "set whose pods get too long a name": (set_of("s" * 50, replicas=10), ["spec.groupTemplate.spec.roles[0].name"]),
    "negative set": (set_of(replicas=-1), ["spec.replicas"]),
    "set of a bad role": (set_of(groupTemplate={"spec": {"roles": [{"name": "a"}]}}), ["spec.groupTemplate.spec.roles[0]"]),
    "set with coordination that is no text": (set_of(groupTemplate={"annotations": {"conversion.workloads.x-k8s.io/v1alpha1-coordination": "{"},
                                                                    "spec": {"roles": [{"name": "a", **PATTERN}]}}), ["v1alpha1-coordination"]),
    "profile strategy": (("clusterengineruntimeprofiles", V2, "ClusterEngineRuntimeProfile", {"spec": {"updateStrategy": "Later"}}), ["updateStrategy"]),
    "v1alpha1 role without a template": (old(**RIS), ["template"]),
    "v1alpha1 template twice": (old(template=TEMPLATE, templateRef={"name": "t"}, **RIS), ["template"]),
    "v1alpha1 reference of a LeaderWorkerSet": (old(templateRef={"name": "t"}, workload={"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet"}), ["LeaderWorkerSet"]),
    "v1alpha1 workload without a group": (old(template=TEMPLATE, workload={"apiVersion": "v1", "kind": "Pod"}), ["apiVersion"]),
    "two patterns": (group(leaderWorkerPattern=LEADER, **PATTERN), ["standalonePattern"]),
    "shared service of another workload": (group(annotations={"rbg.workloads.x-k8s.io/role-workload-type": "apps/v1/StatefulSet"},
                                                 leaderWorkerPattern={**LEADER, "sharedServiceSelection": "LeaderOnly"}), ["LeaderOnly"]),
    "delays": (group(leaderWorkerPattern={**LEADER, "restartPolicyConfig": {"baseDelaySeconds": 5, "maxDelaySeconds": 4}}), ["maxDelaySeconds"]),
    "size": (group(leaderWorkerPattern={**LEADER, "size": 0}), ["leaderWorkerPattern.size"]),
    "restart policy": (group(leaderWorkerPattern={**LEADER, "restartPolicy": "Always"}), ["restartPolicy"]),
    "role template's name": (group(standalonePattern={"templateRef": {"name": "A"}}), ["templateRef.name"]),
    "instance set without a template": (("roleinstancesets", V2, "RoleInstanceSet", {"spec": {"replicas": 1}}), ["roleInstanceTemplate"]),
    "instance set's history": (("roleinstancesets", V2, "RoleInstanceSet", {"spec": {"roleInstanceTemplate": {}, "revisionHistoryLimit": -1}}), ["revisionHistoryLimit"]),
    "instance's restart policy": (("roleinstances", V2, "RoleInstance", {"spec": {"components": [], "restartPolicy": "Always"}}), ["restartPolicy"]),
}


def body(case, row, name="o"):
    plural, version, kind, rest = row
    namespace = "" if plural == "clusterengineruntimeprofiles" else f"/namespaces/{case.ns}"
    return f"/apis/{version}{namespace}/{plural}", {"apiVersion": version, "kind": kind, **rest, "metadata": {"name": name, **rest.get("metadata", {})}}


@test
def what_cannot_run_is_refused_in_every_kind(case):
    wrong = []
    for name, (row, words) in REFUSED.items():
        target, document = body(case, row)
        for query in ("?dryRun=All", ""):
            try:
                case.api.request("POST", target + query, document)
                wrong.append(f"{name}{query}: is taken")
            except ApiError as e:
                if e.status not in (400, 403, 422) or [w for w in words if w not in e.message]:
                    wrong.append(f"{name}{query}: {e.status} {e.message}")
    assert not wrong, "\n".join(wrong)


@test
def roles_that_no_group_has_are_a_warning(case):
    def apply(row):
        document = body(case, row, "w")[1]
        return case.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document)).stderr
    assert 'no RoleBasedGroup "w"' in apply(policy())
    target, document = body(case, ("rolebasedgroups", V2, "RoleBasedGroup",
                                   {"spec": {"roles": [{"name": n, **PATTERN} for n in ("prefill", "decode")]}}), "w")
    case.api.request("POST", target, document)
    wait(lambda: 'no RoleBasedGroup' not in apply(policy(roles=["prefill", "decode"])), 20, "the group is known")
    assert 'has no role "decoder" (did you mean "decode"?)' in apply(policy(roles=["prefill", "decoder"]))
    assert 'has no role "prefil"' in apply(warmup(targetRoleBasedGroup={"name": "w", "roles": {"prefil": IMAGES}}))


@test
def a_profile_that_does_not_exist_yet_is_a_warning(case):
    row = group(engineRuntimes=[{"profileName": "later"}], **PATTERN)
    done = case.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(body(case, row)[1]))
    assert 'no ClusterEngineRuntimeProfile "later" yet' in done.stderr, done.stderr


@test
def an_adapter_holds_the_replicas_of_its_role(case):
    """The autoscaler's number wins: a write against it is refused, one that agrees or says nothing of it is not."""
    target, document = body(case, group(replicas=2, **PATTERN), "held")
    document["spec"]["roles"][0]["scalingAdapter"] = {"enable": True}
    case.api.request("POST", target, document)
    wait(lambda: case.get("RoleBasedGroupScalingAdapter", "held-a").get("status", {}).get("phase") == "Bound", 30, "it is bound")
    case.api.merge("RoleBasedGroupScalingAdapter", case.ns, "held-a", {"spec": {"replicas": 3}})

    def scale(n):
        return case.api.patch("RoleBasedGroup", case.ns, "held", [{"op": "replace", "path": "/spec/roles/0/replicas", "value": n}])

    def refused():
        try:
            scale(5 if case.get("RoleBasedGroup", "held")["spec"]["roles"][0]["replicas"] != 5 else 4)
        except ApiError as e:
            assert e.status == 403 and "spec.roles[0].replicas" in e.message and "wants 3 replicas" in e.message, e
            return True
        return False
    wait(refused, 20, "the webhook knows the adapter")
    case.api.merge("RoleBasedGroup", case.ns, "held", {"metadata": {"labels": {"touched": "yes"}}})
    scale(3)
    assert case.get("RoleBasedGroup", "held")["spec"]["roles"][0]["replicas"] == 3


@test
def an_update_is_refused_for_what_it_makes_wrong_only(case):
    """Stored while nobody looked: a bad template, a name that does not fit, a dependency on nobody. Other fields
    still change; a new mistake is refused alone, and so is one more of the same sort."""
    name = case.namespace("whole-api-ratchet", {"rbg-test/no-webhooks": "true"})
    bad = {"spec": {"containers": [{"name": "c", "image": "e/i:1", "livenessProbe": {}}]}}
    case.api.request("POST", f"/apis/{V2}/namespaces/{name}/rolebasedgroups", {
        "apiVersion": V2, "kind": "RoleBasedGroup", "metadata": {"name": "bad"},
        "spec": {"roles": [{"name": "r" * 49, "dependencies": ["nobody"], "standalonePattern": {"template": bad}}]}})
    case.api.merge("Namespace", None, name, {"metadata": {"labels": {"rbg-test/no-webhooks": None}}})

    def patch(*operations, dry_run=False):
        return case.api.patch("RoleBasedGroup", name, "bad", list(operations), dry_run)

    def refusal(*operations, dry_run=False):
        try:
            patch(*operations, dry_run=dry_run)
        except ApiError as e:
            return e.message
        raise AssertionError("was taken")
    main = "/spec/roles/0/standalonePattern/template/spec/containers/0"
    more = {"op": "add", "path": "/spec/roles/0/dependencies/-", "value": "nobody-else"}
    wait(lambda: refusal(more, dry_run=True), 20, "the webhooks see the namespace")
    patch({"op": "replace", "path": "/spec/roles/0/replicas", "value": 0})
    patch({"op": "replace", "path": main + "/image", "value": "e/i:2"})
    text = refusal({"op": "add", "path": main + "/readinessProbe", "value": {}})
    assert "readinessProbe" in text and "livenessProbe" not in text and "nobody" not in text and "rrr" not in text, text
    text = refusal(more)
    assert "dependencies[1]" in text and "dependencies[0]" not in text, text
    # A role put in front moves the others, and changes nothing about them.
    patch({"op": "add", "path": "/spec/roles/0", "value": {"name": "first", "standalonePattern": {"template": TEMPLATE}}})
