"""Least privilege, from the API server's audit log: the manager may do what it does, and nothing else.

Rights are tuples (API group, resource, object or None, verb, namespace or None)."""

import base64
import json
import ssl
import time
import urllib.request
from datetime import datetime, timedelta

import install
import manager
from harness import changes_within, test
from kube import wait

NEEDS_RELEASE = True
SYSTEM = manager.NAMESPACE
SECRET = "rbgs-webhook-cert"
# Asked for by admission plugin OwnerReferencesPermissionEnforcement inside other requests: the log never names them.
OURS = "workloads.x-k8s.io"
INSIDE = {(OURS, f"{kind}/finalizers", None, "update", None) for kind in
          ("rolebasedgroupsets", "rolebasedgroups", "roleinstancesets", "roleinstances")} | {
              ("", kind, None, "delete", None) for kind in ("services", "configmaps")}
# 403 for other reasons than a right: the namespace ends; that plugin has not read the kinds again since the CRDs came (every 30 s).
OTHER_REASONS = ("because it is being terminated", "cannot find RESTMapping")
WITHOUT = "rights-missing"  # the namespace in which rights are missing on purpose


def user(case):
    account = case.cluster.kubectl("-n", SYSTEM, "get", "deployment", "rbgs-controller-manager", "-o",
                                   "jsonpath={.spec.template.spec.serviceAccountName}").stdout
    return f"system:serviceaccount:{SYSTEM}:{account}"


def objects(case, *arguments):
    return json.loads(case.cluster.kubectl("get", "-o", "json", *arguments).stdout)["items"]


def granted(case):
    """By every role that is bound to the manager's account by name."""
    account = user(case).rsplit(":", 1)[1]
    rights = set()
    for binding in objects(case, "clusterrolebindings") + objects(case, "rolebindings", "-A"):
        if not any(s["kind"] == "ServiceAccount" and (s["name"], s.get("namespace")) == (account, SYSTEM)
                   for s in binding.get("subjects", [])):
            continue
        reference, namespace = binding["roleRef"], binding["metadata"].get("namespace")
        scope = ("-n", namespace) if reference["kind"] == "Role" else ()
        role = json.loads(case.cluster.kubectl(*scope, "get", reference["kind"], reference["name"], "-o", "json").stdout)
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], f"{reference}: {rule}"
            rights |= {(g, r, n, v, namespace) for g in rule["apiGroups"] for r in rule["resources"]
                       for n in rule.get("resourceNames", [None]) for v in rule["verbs"]}
    assert rights, f"no role is bound to {account}"
    return rights


def requests(case):
    """The manager's, that are about objects."""
    name = user(case)
    return [r for r in case.cluster.audit() if r["user"]["username"] == name and "objectRef" in r]


def needed_for(request):
    """The rights that made this request possible, in every form that a rule may grant them."""
    about = request["objectRef"]
    resource = "/".join(about[k] for k in ("resource", "subresource") if k in about)
    verbs = [request["verb"]]
    # An apply that makes the object is also asked for the right to create it.
    if verbs == ["patch"] and request["responseStatus"]["code"] == 201:
        verbs.append("create")
    return {(about.get("apiGroup", ""), resource, name, verb, namespace) for verb in verbs
            for name in (None, about.get("name")) for namespace in (None, about.get("namespace"))}


def unused(case):
    used = set()
    for request in requests(case):
        if request["responseStatus"]["code"] != 403:
            used |= needed_for(request)
    return granted(case) - used


# --- work that needs every right ---------------------------------------------------------------


def role(case, name, replicas, update, **more):
    container = {"name": "c", "image": case.cluster.images[0], "command": ["/bin/busybox", "sleep", "100000"]}
    return {"name": name, "replicas": replicas,
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdate": {"type": update, "maxUnavailable": 1}},
            "standalonePattern": {"template": {"metadata": {"annotations": {"n": "0"}}, "spec": {
                "terminationGracePeriodSeconds": 0, "containers": [container]}}}, **more}


def group(case, name, *roles):
    case.apply({"apiVersion": f"{OURS}/v1alpha2", "kind": "RoleBasedGroup", "metadata": {"name": name},
                "spec": {"roles": list(roles)}})
    case.wait_ready(name, 60)


def template(case, name, role_name, change):
    """The role's pattern with its template changed."""
    roles = case.get("RoleBasedGroup", name)["spec"]["roles"]
    pattern = next(r for r in roles if r["name"] == role_name)["standalonePattern"]
    change(pattern["template"])
    case.patch_role(name, role_name, standalonePattern=pattern)
    case.wait_ready(name, 60)


def new_image(image):
    def change(pod):
        pod["spec"]["containers"][0]["image"] = image
    return change


def annotated(number):
    def change(pod):
        pod["metadata"]["annotations"]["n"] = str(number)
    return change


def live_through_everything(case):
    """Made, scaled, updated both ways and back, with more revisions than are kept, a role taken away."""
    group(case, "all", role(case, "kept", 1, "InPlaceIfPossible"), role(case, "anew", 1, "RecreatePod"),
          role(case, "removed", 1, "RecreatePod"))
    # As a group that was stored while no webhook was there.
    case.kubectl("annotate", "rbg", "all", f"rbg.{OURS}/discovery-config-mode-")
    for name in "kept", "anew":
        template(case, "all", name, new_image(case.cluster.images[1]))
    template(case, "all", "kept", new_image(case.cluster.images[0]))
    for number in range(1, 9):
        template(case, "all", "kept", annotated(number))
    # The same events again, which are then counted up.
    for replicas in (2, 1, 2, 1, 2):
        case.patch_role("all", "kept", replicas=replicas)
        case.wait_ready("all", 60)
        wait(lambda n=replicas: sum("all-kept" in name for name in case.pods()) == n, 30, "the role has its pods")
    roles = case.get("RoleBasedGroup", "all")["spec"]["roles"]
    index = [r["name"] for r in roles].index("removed")
    case.api.patch("RoleBasedGroup", case.ns, "all", [{"op": "remove", "path": f"/spec/roles/{index}"}])
    wait(lambda: not any("removed" in ris["metadata"]["name"] for ris in case.list("RoleInstanceSet")), 30,
         "the role's RoleInstanceSet is gone")
    # A pod that the kubelet ends as failed.
    uid = case.pods()["all-anew-0"]["metadata"]["uid"]
    case.kubectl("patch", "pod", "all-anew-0", "-p", '{"spec": {"activeDeadlineSeconds": 1}}')
    wait(lambda: case.pods()["all-anew-0"]["metadata"]["uid"] != uid, 60, "the failed pod is replaced")
    case.wait_ready("all", 60)


def live_as_a_set(case):
    """A group of a set, with a role that an autoscaler may scale for a while; the group goes."""
    def apply(replicas, enable):
        case.apply({"apiVersion": f"{OURS}/v1alpha2", "kind": "RoleBasedGroupSet", "metadata": {"name": "many"}, "spec": {
            "replicas": replicas, "groupTemplate": {"spec": {"roles": [
                role(case, "scaled", 1, "RecreatePod", scalingAdapter={"enable": enable})]}}}})

    def adapters():
        return [a["status"]["phase"] for a in case.list("RoleBasedGroupScalingAdapter") if "status" in a]
    apply(1, True)
    wait(lambda: adapters() == ["Bound"], 60, "the adapter is bound")
    apply(1, False)
    wait(lambda: not case.list("RoleBasedGroupScalingAdapter"), 30, "the adapter is gone")
    apply(0, False)
    wait(lambda: all(g["metadata"]["name"] == "all" for g in case.list("RoleBasedGroup")), 30, "the set's group is gone")


def read_metrics(case):
    """As Prometheus would: with a token, which the manager has to ask about."""
    case.kubectl("create", "serviceaccount", "prometheus")
    case.kubectl("create", "clusterrolebinding", "rights-metrics", "--clusterrole=rbgs-metrics-reader",
                 f"--serviceaccount={case.ns}:prometheus")
    try:
        token = case.kubectl("create", "token", "prometheus").stdout.strip()
        pod = objects(case, "pods", "-n", SYSTEM, "-l", "control-plane=rbgs-controller")[0]
        # Who answers is tested elsewhere.
        request = urllib.request.Request(f"https://{pod['status']['podIP']}:8443/metrics",
                                         headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20,
                                    context=ssl._create_unverified_context()) as answer:  # pylint: disable=protected-access
            assert b"rbg_reconcile_total" in answer.read()
    finally:
        case.cluster.kubectl("delete", "clusterrolebinding", "rights-metrics")


def secret(case):
    done = case.cluster.kubectl("-n", SYSTEM, "get", "secret", SECRET, "-o", "json", check=False)
    return json.loads(done.stdout)["data"] if done.returncode == 0 else {}


def make_own_certificates(case):
    """Over a Secret that is of no use, then with none. The pods are replaced by the switch, so their watches end."""
    case.cluster.kubectl("-n", SYSTEM, "delete", "secret", SECRET, "--ignore-not-found")
    case.cluster.kubectl("-n", SYSTEM, "create", "secret", "generic", SECRET, "--from-literal=cert.pem=none")
    install.release(case.cluster, **{"certManager.enabled": "false"})
    wait(lambda: "tls.crt" in secret(case), 30, "the manager has put a pair into the Secret")
    case.cluster.kubectl("-n", SYSTEM, "delete", "secret", SECRET)
    made = wait(lambda: secret(case), 40, "the manager has made the Secret again")

    def injected():
        crd = json.loads(case.cluster.kubectl("get", "crd", f"rolebasedgroups.{OURS}", "-o", "json").stdout)
        bundle = crd["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"]
        # The CA of before is trusted for a while, too.
        return base64.b64decode(made["ca-cert.pem"]).strip() in base64.b64decode(bundle)
    wait(injected, 40, "the CRD has the new CA")


# --- tests -------------------------------------------------------------------------------------


@test(alone="last")
def every_right_is_used(case):
    live_through_everything(case)
    live_as_a_set(case)
    read_metrics(case)
    try:
        make_own_certificates(case)
        of_secrets = {r[2:] for r in granted(case) if r[1] == "secrets"}
        assert of_secrets == {(None, "create", SYSTEM), (SECRET, "get", SYSTEM), (SECRET, "update", SYSTEM)}, of_secrets
        # The line of a request may come a moment after its answer.
        changes_within(10, lambda: not unused(case) - INSIDE)
        left = unused(case) - INSIDE
        assert not left, "granted, but never used: " + ", ".join(map(str, sorted(left, key=str)))
    finally:
        install.release(case.cluster)
    less = granted(case)
    secured = [r for r in less if r[1] == "secrets" or r[3] != "get" and
               (r[1] == "customresourcedefinitions" or r[0] == "admissionregistration.k8s.io")]
    assert not secured, f"granted, though cert-manager does that: {secured}"


@test(alone="last")
def rights_that_no_request_names_are_needed_too(case):
    """Each is taken away; what needs it is then refused, and done when it is back."""
    case.namespace(WITHOUT)
    group(case, "less", role(case, "a", 1, "RecreatePod", servicePorts=[{"name": "http", "port": 8000}]))
    name = "rbgs-controller-role"
    before = json.loads(case.cluster.kubectl("get", "clusterrole", name, "-o", "json").stdout)["rules"]
    kept = []
    for rule in before:
        resources = [r for r in rule["resources"] if not r.endswith("/finalizers")]
        bare = [r for r in resources if rule["apiGroups"] == [""] and r in ("services", "configmaps")]
        kept += [{**rule, "resources": part, "verbs": verbs} for part, verbs in (
            ([r for r in resources if r not in bare], rule["verbs"]),
            (bare, [v for v in rule["verbs"] if v != "delete"])) if part and verbs]

    def set_rules(rules):
        case.cluster.kubectl("patch", "clusterrole", name, "--type=json", "-p",
                             json.dumps([{"op": "replace", "path": "/rules", "value": rules}]))

    def disown(kind, called):
        case.api.merge(kind, case.ns, called, {"metadata": {"ownerReferences": None}})

    def refused():
        found = {(r["verb"], r["objectRef"]["resource"]) for r in requests(case)
                 if r["responseStatus"]["code"] == 403 and r["objectRef"].get("namespace") == WITHOUT}
        missing = {("patch", "roleinstancesets"), ("create", "roleinstances"), ("create", "pods"),
                   ("patch", "services"), ("patch", "configmaps")} - found
        assert not missing, f"not refused yet: {missing}"
        return True
    set_rules(kept)
    try:
        time.sleep(2)  # until the API server's authorizer has read them
        disown("Service", "s-less-a")
        disown("ConfigMap", "less")
        case.kubectl("delete", "pod", "less-a-0")
        case.patch_role("less", "a", replicas=2)
        spec = case.get("RoleBasedGroup", "less")["spec"]
        case.api.patch("RoleBasedGroup", case.ns, "less",
                       [{"op": "add", "path": "/spec/roles/-", "value": {**spec["roles"][0], "name": "b"}}])
        wait(refused, 40, "what needs the rights is refused")
    finally:
        set_rules(before)
    case.wait_ready("less", 90)
    for kind, called in ("Service", "s-less-a"), ("ConfigMap", "less"):
        wait(lambda k=kind, c=called: case.get(k, c)["metadata"]["ownerReferences"], 30, f"the {kind} has its owner again")


def at(request):
    return datetime.fromisoformat(request["requestReceivedTimestamp"].replace("Z", "+00:00"))


def taken_away(case, asked):
    """Tells of a request whether its pod was there already when, less than a minute before, a role was deleted or got
    other rules, by an uninstall or a change of who makes the certificate: until such a pod ends it asks in vain."""
    changed = [at(r) for r in case.cluster.audit()
               if r["verb"] in ("delete", "patch", "update") and r["responseStatus"]["code"] == 200
               and r.get("objectRef", {}).get("apiGroup") == "rbac.authorization.k8s.io"
               and r["objectRef"].get("name", "").startswith("rbgs-")]

    def pod(request):
        return request["user"]["extra"]["authentication.kubernetes.io/pod-uid"][0]
    first = {}
    for request in asked:
        first.setdefault(pod(request), at(request))
    return lambda request: any(first[pod(request)] < when < at(request) < when + timedelta(minutes=1) for when in changed)


def starting(case, request):
    """Whether an API server answered it that may not have read the rules yet."""
    return any(begin <= at(request) <= end for begin, end in case.cluster.restarts)


@test(alone="last")
def nothing_that_it_asks_is_forbidden(case):
    """In the whole run."""
    asked = requests(case)
    assert len(asked) > 100, f"the log has {len(asked)} requests of the manager"
    in_vain = taken_away(case, asked)
    forbidden = [f"{r['requestReceivedTimestamp']} {r['verb']} {r['requestURI']}: {r['responseStatus'].get('message')}"
                 for r in asked if r["responseStatus"]["code"] == 403 and r["objectRef"].get("namespace") != WITHOUT
                 and not any(text in r["responseStatus"].get("message", "") for text in OTHER_REASONS)
                 and not in_vain(r) and not starting(case, r)]
    assert not forbidden, "\n".join(forbidden[:20])
