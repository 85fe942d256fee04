"""Pod templates for tests of validation: broken ones, odd but valid ones, and those where a group is meant to differ
from a Deployment. Each row changes one thing in a template that is fine."""

import copy

LABELS = {"app": "deep"}


def labelled(template):
    """A Deployment's selector has to find the pods; a group needs no labels."""
    template = copy.deepcopy(template)
    metadata = template.setdefault("metadata", {})
    if isinstance(metadata.get("labels", {}), dict):
        metadata.setdefault("labels", {}).update(LABELS)
    return template


def group(**role):
    return "RoleBasedGroup", {"apiVersion": "workloads.x-k8s.io/v1alpha2", "kind": "RoleBasedGroup",
                              "metadata": {"name": "deep"}, "spec": {"roles": [{"name": "r", **role}]}}


def standalone(template):
    return group(standalonePattern={"template": labelled(template)})


def component(template):
    return group(customComponentsPattern={"components": [{"name": "c", "template": labelled(template)}]})



def spec(**fields):
    return {"spec": {"containers": [{"name": "main", "image": "e/i:1"}], **fields}}


def main(**fields):
    return spec(containers=[{"name": "main", "image": "e/i:1", **fields}])


def meta(**fields):
    return {"metadata": fields, **spec()}


def init(**fields):
    return spec(initContainers=[{"name": "init", "image": "e/i:1", **fields}])


def two(first, second):
    return spec(containers=[{"name": "a", "image": "e/i:1", **first}, {"name": "b", "image": "e/i:1", **second}])


def mounted(mount, volume=None):
    return spec(containers=[{"name": "main", "image": "e/i:1", "volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}],
                volumes=[volume or {"name": "v", "emptyDir": {}}])


def volume(**source):
    return spec(volumes=[{"name": "v", **source}])


def env(**var):
    return main(env=[{"name": "A", **var}])


def probe(kind="livenessProbe", **fields):
    return main(**{kind: fields})


def ready(**fields):
    return probe("readinessProbe", **{"exec": {"command": ["true"]}, **fields})


def shared(resources, *containers):
    """Resources of the whole pod, and of its containers."""
    return spec(resources=resources, containers=[{"name": f"c{i}", "image": "e/i:1", "resources": c}
                                                 for i, c in enumerate(containers or [{}])])


def resources(**fields):
    return main(resources=fields)


def secure(**fields):
    return main(securityContext=fields)


def pod_secure(**fields):
    return spec(securityContext=fields)


def node_affinity(expression):
    return spec(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                           {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}})


def pod_affinity(**term):
    return spec(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})


def preferred(weight, **term):
    return spec(affinity={"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": weight, "podAffinityTerm": {"topologyKey": "zone", **term}}]}})


def tolerate(**toleration):
    return spec(tolerations=[toleration])


def spread(**constraint):
    return spec(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                                            **constraint}])


HTTP = {"httpGet": {"port": 80}}

BROKEN = {
    # names and labels
    "no containers": {"spec": {"containers": []}},
    "no container name": spec(containers=[{"image": "e/i:1"}]),
    "container name in capitals": spec(containers=[{"name": "Main", "image": "e/i:1"}]),
    "container name with a dot": spec(containers=[{"name": "a.b", "image": "e/i:1"}]),
    "container name too long": spec(containers=[{"name": "a" * 64, "image": "e/i:1"}]),
    "container twice": spec(containers=[{"name": "a", "image": "e/i:1"}, {"name": "a", "image": "e/i:1"}]),
    "container and init container alike": init(name="main"),
    "label key": meta(labels={"a b": "c"}),
    "label key prefix": meta(labels={"UPPER.example/a": "c"}),
    "label key too long": meta(labels={"a" * 64: "c"}),
    "label value": meta(labels={"a": "not a value"}),
    "label value too long": meta(labels={"a": "v" * 64}),
    "label value with a dash at its end": meta(labels={"a": "v-"}),
    "annotation key": meta(annotations={"a/b/c": "d"}),
    "annotations too large": meta(annotations={"a": "x" * 262145}),
    # images
    "no image": spec(containers=[{"name": "main"}]),
    "empty image": main(image=""),
    "pull policy": main(imagePullPolicy="Sometimes"),
    "termination message policy": main(terminationMessagePolicy="Somewhere"),
    # ports
    "port 0": main(ports=[{"containerPort": 0}]),
    "port too large": main(ports=[{"containerPort": 65536}]),
    "negative port": main(ports=[{"containerPort": -1}]),
    "no port number": main(ports=[{"name": "http"}]),
    "port protocol": main(ports=[{"containerPort": 80, "protocol": "HTTP"}]),
    "port name with capitals": main(ports=[{"containerPort": 80, "name": "Http"}]),
    "port name too long": main(ports=[{"containerPort": 80, "name": "a" * 16}]),
    "port name without a letter": main(ports=[{"containerPort": 80, "name": "80"}]),
    "port name with two dashes": main(ports=[{"containerPort": 80, "name": "a--b"}]),
    "port name twice": main(ports=[{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]),
    "host port too large": main(ports=[{"containerPort": 80, "hostPort": 70000}]),
    "host port twice": two({"ports": [{"containerPort": 80, "hostPort": 8080}]}, {"ports": [{"containerPort": 81, "hostPort": 8080}]}),
    "host network with another host port": spec(hostNetwork=True, containers=[
        {"name": "main", "image": "e/i:1", "ports": [{"containerPort": 80, "hostPort": 81}]}]),
    # environment
    "no variable name": main(env=[{"value": "x"}]),
    "variable name with =": main(env=[{"name": "A=B"}]),
    "value and valueFrom": env(value="x", valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}),
    "empty valueFrom": env(valueFrom={}),
    "two sources": env(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}, "configMapKeyRef": {"name": "c", "key": "k"}}),
    "unknown field path": env(valueFrom={"fieldRef": {"fieldPath": "spec.containers"}}),
    "no field path": env(valueFrom={"fieldRef": {}}),
    "field path version": env(valueFrom={"fieldRef": {"apiVersion": "v9", "fieldPath": "metadata.name"}}),
    "subscript without need": env(valueFrom={"fieldRef": {"fieldPath": "metadata.name['a']"}}),
    "all labels as a variable": env(valueFrom={"fieldRef": {"fieldPath": "metadata.labels"}}),
    "label subscript": env(valueFrom={"fieldRef": {"fieldPath": "metadata.labels['a b']"}}),
    "unknown resource": env(valueFrom={"resourceFieldRef": {"resource": "limits.gpu"}}),
    "resource of an unknown divisor": env(valueFrom={"resourceFieldRef": {"resource": "limits.cpu", "divisor": "7"}}),
    "no resource": env(valueFrom={"resourceFieldRef": {"containerName": "main"}}),
    "no key of a config map": env(valueFrom={"configMapKeyRef": {"name": "c"}}),
    "key of a config map": env(valueFrom={"configMapKeyRef": {"name": "c", "key": "a b"}}),
    "no config map": env(valueFrom={"configMapKeyRef": {"key": "k"}}),
    "no secret": env(valueFrom={"secretKeyRef": {"key": "k"}}),
    "key of a secret": env(valueFrom={"secretKeyRef": {"name": "s", "key": "a/b"}}),
    "envFrom of nothing": main(envFrom=[{}]),
    "envFrom of both": main(envFrom=[{"configMapRef": {"name": "c"}, "secretRef": {"name": "s"}}]),
    "envFrom without a name": main(envFrom=[{"configMapRef": {}}]),
    "envFrom prefix": main(envFrom=[{"prefix": "a=", "configMapRef": {"name": "c"}}]),
    # volumes and mounts
    "volume name": spec(volumes=[{"name": "A", "emptyDir": {}}]),
    "volume twice": spec(volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
    "volume of two sources": volume(emptyDir={}, hostPath={"path": "/x"}),
    "mount of no volume": main(volumeMounts=[{"name": "nothing", "mountPath": "/x"}]),
    "no mount path": main(volumeMounts=[{"name": "v"}]),
    "two mounts at one path": spec(volumes=[{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}], containers=[
        {"name": "main", "image": "e/i:1", "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "w", "mountPath": "/a"}]}]),
    "sub path upwards": mounted({"subPath": "../x"}),
    "absolute sub path": mounted({"subPath": "/x"}),
    "sub path and expression": mounted({"subPath": "x", "subPathExpr": "$(A)"}),
    "mount propagation": mounted({"mountPropagation": "Sideways"}),
    "two-way propagation without privilege": mounted({"mountPropagation": "Bidirectional"}),
    "recursive read-only of a writable mount": mounted({"recursiveReadOnly": "Enabled"}),
    "recursive read-only": mounted({"readOnly": True, "recursiveReadOnly": "Sometimes"}),
    "no path on the host": volume(hostPath={}),
    "host path type": volume(hostPath={"path": "/x", "type": "Thing"}),
    "host path upwards": volume(hostPath={"path": "/x/../y"}),
    "negative size of an empty dir": volume(emptyDir={"sizeLimit": "-1"}),
    "size of an empty dir": volume(emptyDir={"sizeLimit": "much"}),
    "no secret name": volume(secret={}),
    "mode of a secret": volume(secret={"secretName": "s", "defaultMode": 512}),
    "secret item without a path": volume(secret={"secretName": "s", "items": [{"key": "k"}]}),
    "secret item upwards": volume(secret={"secretName": "s", "items": [{"key": "k", "path": "../k"}]}),
    "secret item mode": volume(secret={"secretName": "s", "items": [{"key": "k", "path": "k", "mode": 1000}]}),
    "no config map name": volume(configMap={}),
    "config map item without a key": volume(configMap={"name": "c", "items": [{"path": "k"}]}),
    "config map item absolute": volume(configMap={"name": "c", "items": [{"key": "k", "path": "/k"}]}),
    "no claim name": volume(persistentVolumeClaim={}),
    "downward item of nothing": volume(downwardAPI={"items": [{"path": "x"}]}),
    "downward item field": volume(downwardAPI={"items": [{"path": "x", "fieldRef": {"fieldPath": "spec.nodeName"}}]}),
    "downward item resource without container": volume(downwardAPI={"items": [{"path": "x", "resourceFieldRef": {"resource": "limits.cpu"}}]}),
    "downward item absolute": volume(downwardAPI={"items": [{"path": "/x", "fieldRef": {"fieldPath": "metadata.name"}}]}),
    "projection of two": volume(projected={"sources": [{"secret": {"name": "s"}, "configMap": {"name": "c"}}]}),
    "projected paths that conflict": volume(projected={"sources": [
        {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}}, {"configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}]}),
    "token without a path": volume(projected={"sources": [{"serviceAccountToken": {}}]}),
    "token that expires too soon": volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 10}}]}),
    "no nfs server": volume(nfs={"path": "/x"}),
    "relative nfs path": volume(nfs={"server": "s", "path": "x"}),
    "no csi driver": volume(csi={}),
    "csi driver": volume(csi={"driver": "a b"}),
    "ephemeral volume without a template": volume(ephemeral={}),
    "ephemeral volume without access modes": volume(ephemeral={"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}),
    "ephemeral volume without a size": volume(ephemeral={"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}),
    "ephemeral volume's access mode": volume(ephemeral={"volumeClaimTemplate": {"spec": {
        "accessModes": ["Write"], "resources": {"requests": {"storage": "1Gi"}}}}}),
    "image volume pull policy": volume(image={"reference": "e/i:1", "pullPolicy": "Sometimes"}),
    "device of no claim": spec(volumes=[{"name": "v", "emptyDir": {}}], containers=[
        {"name": "main", "image": "e/i:1", "volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}]),
    "device path upwards": spec(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}], containers=[
        {"name": "main", "image": "e/i:1", "volumeDevices": [{"name": "v", "devicePath": "/dev/../x"}]}]),
    # probes and hooks
    "probe of nothing": probe(),
    "probe of two": probe(exec={"command": ["a"]}, **HTTP),
    "probe port": probe(httpGet={"port": 0}),
    "probe port name": probe(httpGet={"port": "UPPER"}),
    "no probe port": probe(httpGet={"path": "/x"}),
    "probe scheme": probe(httpGet={"port": 80, "scheme": "FTP"}),
    "probe header": probe(httpGet={"port": 80, "httpHeaders": [{"name": "a b", "value": "x"}]}),
    "probe without a command": probe(exec={"command": []}),
    "probe of a tcp port": probe(tcpSocket={"port": 99999}),
    "probe of a grpc port": probe(grpc={"port": 0}),
    "negative delay": ready(initialDelaySeconds=-1),
    "negative period": ready(periodSeconds=-1),
    "negative timeout": ready(timeoutSeconds=-1),
    "negative failure threshold": ready(failureThreshold=-1),
    "success threshold of a liveness probe": probe(successThreshold=2, **HTTP),
    "success threshold of a startup probe": probe("startupProbe", successThreshold=2, **HTTP),
    "grace period of a readiness probe": ready(terminationGracePeriodSeconds=5),
    "grace period of 0": probe(terminationGracePeriodSeconds=0, **HTTP),
    "hook of nothing": main(lifecycle={"preStop": {}}),
    "hook of two": main(lifecycle={"postStart": {"exec": {"command": ["a"]}, **HTTP}}),
    "hook without a command": main(lifecycle={"preStop": {"exec": {}}}),
    "hook port": main(lifecycle={"preStop": {"httpGet": {"port": 0}}}),
    "sleep longer than the grace": main(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
    "negative sleep": main(lifecycle={"preStop": {"sleep": {"seconds": -1}}}),
    "probe of an init container": init(livenessProbe=HTTP),
    "hook of an init container": init(lifecycle={"preStop": {"exec": {"command": ["a"]}}}),
    "restart policy of an init container": init(restartPolicy="Sometimes"),
    "init container without an image": spec(initContainers=[{"name": "init"}]),
    # resources
    "request over limit": resources(requests={"cpu": "2"}, limits={"cpu": "1"}),
    "request over limit in other units": resources(requests={"memory": "1025Mi"}, limits={"memory": "1Gi"}),
    "negative request": resources(requests={"cpu": "-1"}),
    "bad quantity": resources(requests={"cpu": "1 core"}),
    "resource name": resources(requests={"gpu": "1"}),
    "resource name with a space": resources(requests={"example.com/a b": "1"}),
    "extended resource without a limit": resources(requests={"nvidia.com/gpu": "1"}),
    "part of an extended resource": resources(limits={"nvidia.com/gpu": "500m"}, requests={"nvidia.com/gpu": "500m"}),
    "extended request below its limit": resources(limits={"nvidia.com/gpu": "2"}, requests={"nvidia.com/gpu": "1"}),
    "huge pages alone": resources(limits={"hugepages-2Mi": "2Mi"}),
    "request over the limit of a pod": shared(dict(requests={"cpu": "2"}, limits={"cpu": "1"})),
    "negative request of a pod": shared(dict(requests={"memory": "-1"})),
    "device of a pod": shared(dict(limits={"nvidia.com/gpu": "1"})),
    "storage of a pod": shared(dict(requests={"ephemeral-storage": "1Gi"})),
    "claim of a pod": shared(dict(claims=[{"name": "c"}], limits={"cpu": "1"})),
    "containers ask for more than their pod": shared(dict(requests={"cpu": "1"}), dict(requests={"cpu": "500m"}),
                                                     dict(requests={"cpu": "501m"})),
    "limit over that of the pod": shared(dict(requests={"cpu": "1"}, limits={"cpu": "2"}), dict(requests={"cpu": "1"}, limits={"cpu": "3"})),
    "init container asks for more than the pod": {"spec": {**shared(dict(requests={"cpu": "1"}))["spec"], "initContainers": [
        {"name": "side", "image": "e/i:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "600m"}}},
        {"name": "init", "image": "e/i:1", "resources": {"requests": {"cpu": "600m"}}}]}},
    "claim that the pod has not": resources(claims=[{"name": "gpu"}]),
    "resize policy": main(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "Maybe"}]),
    "resize policy twice": main(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2),
    "resize policy of a disk": main(resizePolicy=[{"resourceName": "disk", "restartPolicy": "NotRequired"}]),
    # the pod
    "restart policy": spec(restartPolicy="Sometimes"),
    "dns policy": spec(dnsPolicy="Nope"),
    "dns None without servers": spec(dnsPolicy="None"),
    "dns server": spec(dnsPolicy="None", dnsConfig={"nameservers": ["one"]}),
    "too many dns servers": spec(dnsPolicy="None", dnsConfig={"nameservers": ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"]}),
    "dns option without a name": spec(dnsConfig={"options": [{"value": "5"}]}),
    "host name": spec(hostname="a.b"),
    "subdomain": spec(subdomain="A"),
    "account name": spec(serviceAccountName="A B"),
    "node selector key": spec(nodeSelector={"a b": "c"}),
    "node selector value": spec(nodeSelector={"a": "c d"}),
    "host alias": spec(hostAliases=[{"ip": "localhost", "hostnames": ["a"]}]),
    "host alias name": spec(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a b"]}]),
    "priority class name": spec(priorityClassName="A B"),
    "preemption policy": spec(preemptionPolicy="Sometimes"),
    "scheduling gate": spec(schedulingGates=[{"name": "a b"}]),
    "scheduling gate twice": spec(schedulingGates=[{"name": "a"}, {"name": "a"}]),
    "readiness gate": spec(readinessGates=[{"conditionType": "a b"}]),
    "runtime class": spec(runtimeClassName="A B"),
    "os": spec(os={"name": "plan9"}),
    "host PID and shared PID": spec(hostPID=True, shareProcessNamespace=True),
    "claim without a source": spec(resourceClaims=[{"name": "gpu"}]),
    "claim twice": spec(resourceClaims=[{"name": "gpu", "resourceClaimName": "a"}, {"name": "gpu", "resourceClaimName": "b"}]),
    "overhead quantity": spec(overhead={"cpu": "x"}),
    # scheduling
    "toleration operator": tolerate(key="a", operator="Is"),
    "toleration of everything with a value": tolerate(operator="Exists", key="a", value="b"),
    "toleration without a key": tolerate(operator="Equal", value="b"),
    "toleration effect": tolerate(key="a", operator="Exists", effect="Fly"),
    "toleration key": tolerate(key="a b", operator="Exists"),
    "toleration value": tolerate(key="a", value="b c"),
    "seconds without NoExecute": tolerate(key="a", operator="Exists", effect="NoSchedule", tolerationSeconds=5),
    "node affinity operator": node_affinity({"key": "a", "operator": "Is", "values": ["b"]}),
    "node affinity without values": node_affinity({"key": "a", "operator": "In"}),
    "node affinity with values": node_affinity({"key": "a", "operator": "Exists", "values": ["b"]}),
    "node affinity of two numbers": node_affinity({"key": "a", "operator": "Gt", "values": ["1", "2"]}),
    "node affinity key": node_affinity({"key": "a b", "operator": "Exists"}),
    "node affinity of nothing": spec(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
    "node affinity field": spec(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.uid", "operator": "In", "values": ["a"]}]}]}}}),
    "node affinity weight": spec(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 0, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}}),
    "pod affinity without a topology": pod_affinity(labelSelector={}),
    "pod affinity topology": pod_affinity(labelSelector={}, topologyKey="a b"),
    "pod affinity operator": pod_affinity(topologyKey="zone", labelSelector={"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
    "pod affinity label": pod_affinity(topologyKey="zone", labelSelector={"matchLabels": {"a": "b c"}}),
    "pod affinity namespace": pod_affinity(topologyKey="zone", labelSelector={}, namespaces=["A B"]),
    "pod affinity weight": preferred(101),
    "spread of 0": spread(maxSkew=0),
    "spread without a topology": spread(topologyKey=""),
    "spread otherwise": spread(whenUnsatisfiable="Cry"),
    "spread minimum when it may be broken": spread(whenUnsatisfiable="ScheduleAnyway", minDomains=2),
    "spread minimum of 0": spread(minDomains=0),
    "spread policy": spread(nodeTaintsPolicy="Maybe"),
    "spread twice": spec(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}] * 2),
    "spread selector": spread(labelSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
    "spread match keys without a selector": spread(matchLabelKeys=["a"]),
    # security
    "privileged without escalation": secure(privileged=True, allowPrivilegeEscalation=False),
    "admin capability without escalation": secure(allowPrivilegeEscalation=False, capabilities={"add": ["CAP_SYS_ADMIN"]}),
    "negative user": secure(runAsUser=-1),
    "negative group": secure(runAsGroup=-1),
    "proc mount": secure(procMount="Some"),
    "unmasked proc without a user namespace": secure(procMount="Unmasked"),
    "seccomp type": secure(seccompProfile={"type": "Mine"}),
    "seccomp without a profile": secure(seccompProfile={"type": "Localhost"}),
    "seccomp with a profile too many": secure(seccompProfile={"type": "RuntimeDefault", "localhostProfile": "a"}),
    "apparmor type": secure(appArmorProfile={"type": "Mine"}),
    "apparmor without a profile": secure(appArmorProfile={"type": "Localhost"}),
    "negative file group": pod_secure(fsGroup=-1),
    "negative supplemental group": pod_secure(supplementalGroups=[-1]),
    "group change policy": pod_secure(fsGroupChangePolicy="Now"),
    "supplemental groups policy": pod_secure(supplementalGroupsPolicy="Add"),
    "sysctl": pod_secure(sysctls=[{"name": "UPPER", "value": "1"}]),
    "sysctl twice": pod_secure(sysctls=[{"name": "net.a", "value": "1"}, {"name": "net.a", "value": "1"}]),
    "user namespace on the host network": spec(hostUsers=False, hostNetwork=True),
    "windows options on linux": spec(os={"name": "linux"}, securityContext={"windowsOptions": {"runAsUserName": "a"}}),
    "linux options on windows": spec(os={"name": "windows"}, securityContext={"runAsUser": 1}),
}

ODD = {
    "plain": spec(),
    "long container name": spec(containers=[{"name": "a" * 63, "image": "e/i:1"}]),
    "empty label value": meta(labels={"a": ""}),
    "label with a prefix": meta(labels={"example.com/a": "B.c_d"}),
    "annotation of anything": meta(annotations={"a": "any text\n\u00e9"}),
    "image that no registry has": main(image="e/i@sha256:abc"),
    "variable name that no shell takes": main(env=[{"name": "a.b-c d!"}]),
    "empty value": main(env=[{"name": "A", "value": ""}]),
    "reference to a variable": main(env=[{"name": "A", "value": "$(B)"}], args=["$(A)", "$$(A)"]),
    "field paths": main(env=[{"name": f"A{i}", "valueFrom": {"fieldRef": {"fieldPath": p}}} for i, p in enumerate(
        ["metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
         "status.podIP", "status.hostIPs", "status.podIPs", "metadata.labels['a']", "metadata.annotations['example.com/A']"])]),
    "resource as a variable": env(valueFrom={"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}),
    "memory as a variable": env(valueFrom={"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}),
    "huge pages as a variable": env(valueFrom={"resourceFieldRef": {"resource": "limits.hugepages-2Mi"}}),
    "optional references": env(valueFrom={"secretKeyRef": {"name": "s", "key": ".k", "optional": True}}),
    "envFrom": main(envFrom=[{"prefix": "a.", "configMapRef": {"name": "c", "optional": True}}, {"secretRef": {"name": "s"}}]),
    "same port for two protocols": main(ports=[{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]),
    "same port twice": two({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80}]}),
    "host ports of two addresses": main(ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"},
                                               {"containerPort": 81, "hostPort": 80, "hostIP": "10.0.0.2"}]),
    "host IP of any text": main(ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "localhost"}]),
    "negative grace, which counts as 1": spec(terminationGracePeriodSeconds=-1),
    "projection of nothing": volume(projected={"sources": [{}]}),
    "host port 0": main(ports=[{"containerPort": 80, "hostPort": 0}]),
    "host network": spec(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet", containers=[
        {"name": "main", "image": "e/i:1", "ports": [{"containerPort": 80}]}]),
    "volume without a source": volume(),
    "unused volume": volume(emptyDir={"medium": "Memory", "sizeLimit": "1Gi"}),
    "empty dir in huge pages": volume(emptyDir={"medium": "HugePages-2Mi"}),
    "relative mount path": mounted({"mountPath": "x"}),
    "mount with a sub path": mounted({"subPath": "a/b..c", "readOnly": True, "recursiveReadOnly": "IfPossible"}),
    "one volume at two paths": spec(volumes=[{"name": "v", "emptyDir": {}}], containers=[
        {"name": "main", "image": "e/i:1", "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}]),
    "two-way propagation with privilege": spec(volumes=[{"name": "v", "emptyDir": {}}], containers=[
        {"name": "main", "image": "e/i:1", "securityContext": {"privileged": True},
         "volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}]}]),
    "secret volume": volume(secret={"secretName": "s", "defaultMode": 256, "optional": True, "items": [{"key": "k", "path": "a/k", "mode": 511}]}),
    "projected volume": volume(projected={"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"path": "t", "expirationSeconds": 600, "audience": "a"}}, {"configMap": {"name": "c"}},
        {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}),
    "downward volume": volume(downwardAPI={"items": [
        {"path": "l", "fieldRef": {"fieldPath": "metadata.annotations"}},
        {"path": "c", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}}]}),
    "claim": volume(persistentVolumeClaim={"claimName": "a.b", "readOnly": True}),
    "ephemeral volume": volume(ephemeral={"volumeClaimTemplate": {"spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}),
    "image volume": volume(image={"reference": "e/i:1"}),
    "csi volume": volume(csi={"driver": "a.example", "volumeAttributes": {"x": "y"}}),
    "nfs volume": volume(nfs={"server": "s", "path": "/x"}),
    "device": spec(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}], containers=[
        {"name": "main", "image": "e/i:1", "volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}]),
    "probe of a named port": main(ports=[{"containerPort": 80, "name": "http"}], livenessProbe={"httpGet": {"port": "http"}}),
    "probe of a port that is not declared": probe(tcpSocket={"port": "other"}),
    "probe of a grpc service": probe(grpc={"port": 9, "service": "x"}, terminationGracePeriodSeconds=1),
    "probe with zeros": ready(initialDelaySeconds=0, periodSeconds=0, timeoutSeconds=0, successThreshold=0, failureThreshold=0),
    "readiness twice in a row": ready(successThreshold=3),
    "sidecar": init(restartPolicy="Always", readinessProbe=HTTP, lifecycle={"preStop": {"sleep": {"seconds": 1}}}),
    "sleep of 0": main(lifecycle={"preStop": {"sleep": {"seconds": 0}}}),
    "stop signal": spec(os={"name": "linux"}, containers=[{"name": "main", "image": "e/i:1", "lifecycle": {"stopSignal": "SIGUSR1"}}]),
    "equal request and limit in other units": resources(requests={"memory": "1024Mi"}, limits={"memory": "1Gi"}),
    "limit alone": resources(limits={"cpu": 1, "memory": "1.5Gi", "ephemeral-storage": "1e3"}),
    "gpu": resources(limits={"nvidia.com/gpu": 1}),
    "resources of a pod": shared(dict(requests={"cpu": "1"}, limits={"cpu": "2"}), dict(requests={"cpu": "500m"}, limits={"cpu": "2"}),
                                 dict(requests={"cpu": "500m"})),
    "limit of a pod alone": shared(dict(limits={"cpu": "1", "memory": "1Gi"}), dict(requests={"cpu": "1"}), {}),
    "init containers one after another": {"spec": {**shared(dict(requests={"cpu": "1"}))["spec"], "initContainers": [
        {"name": "first", "image": "e/i:1", "resources": {"requests": {"cpu": "1"}}},
        {"name": "side", "image": "e/i:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
        {"name": "then", "image": "e/i:1", "resources": {"requests": {"cpu": "500m"}}}]}},
    "huge pages": resources(limits={"hugepages-2Mi": "2Mi", "memory": "1Gi"}, requests={"memory": "1Gi"}),
    "claimed device": spec(resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "t"}], containers=[
        {"name": "main", "image": "e/i:1", "resources": {"claims": [{"name": "gpu", "request": "r"}]}}]),
    "resize policy": main(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]),
    "grace of 0": spec(terminationGracePeriodSeconds=0),
    "dns": spec(dnsPolicy="None", dnsConfig={"nameservers": ["1.1.1.1", "::1"], "searches": ["a.b.", "_x.y"], "options": [{"name": "ndots", "value": "2"}]}),
    "host aliases": spec(hostAliases=[{"ip": "::1", "hostnames": ["a", "a.b"]}]),
    "gates": spec(schedulingGates=[{"name": "example.com/g"}], readinessGates=[{"conditionType": "example.com/Ready"}]),
    "tolerate everything": tolerate(operator="Exists"),
    "tolerate for a while": tolerate(key="a", value="b", effect="NoExecute", tolerationSeconds=-5),
    "no value to tolerate": tolerate(key="a"),
    "empty effect": tolerate(key="a", operator="Equal", value="b", effect=""),
    "node affinity of a number": node_affinity({"key": "a", "operator": "Gt", "values": ["10"]}),
    "node affinity of a name": spec(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]}}}),
    "pod affinity of all": pod_affinity(topologyKey="kubernetes.io/hostname", namespaceSelector={}),
    "pod affinity": preferred(100, labelSelector={"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}),
    "spread": spread(labelSelector={"matchLabels": {"a": "b"}}, minDomains=3, nodeAffinityPolicy="Ignore", nodeTaintsPolicy="Honor",
                     matchLabelKeys=["c"]),
    "security": secure(runAsUser=0, runAsNonRoot=False, capabilities={"add": ["NET_ADMIN"], "drop": ["ALL"]}, privileged=False,
                       readOnlyRootFilesystem=True, seccompProfile={"type": "Localhost", "localhostProfile": "p/a.json"}),
    "security of the pod": pod_secure(fsGroup=0, supplementalGroups=[1, 2], fsGroupChangePolicy="OnRootMismatch",
                                      sysctls=[{"name": "net.core.somaxconn", "value": "1"}, {"name": "kernel/shm_rmid_forced", "value": "1"}]),
    "user namespace": spec(hostUsers=False),
    "windows": spec(os={"name": "windows"}, securityContext={"windowsOptions": {"runAsUserName": "a"}}),
}

# name: template; who takes it: a Deployment, a group with it inline, a group with it in a component
SOONER = {
    # An instance may run to its end; a Deployment's pods may not.
    "pods that end": (spec(restartPolicy="Never"), [False, True, True]),
    "pods that end well": (spec(restartPolicy="OnFailure"), [False, True, True]),
    "a deadline": (spec(activeDeadlineSeconds=60), [False, True, True]),
    # A Deployment is taken, and its pods are refused.
    "image with a space": (main(image=" e/i:1"), [True, False, False]),
    "containers have limits for more than their pod asks for": (
        shared(dict(requests={"memory": "1Gi"}), dict(limits={"memory": "1025Mi"})), [True, False, False]),
    "containers ask for more than the limit of their pod": (
        shared(dict(limits={"cpu": "1"}), dict(requests={"cpu": "600m"}), dict(requests={"cpu": "600m"})), [True, False, False]),
    # Where there is a schema, variables are a list keyed by name, as in the first implementation.
    "variable twice": (main(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), [True, False, True]),
    # Kubernetes reads 0; the schema wants a digit.
    "quantity without a number": (main(resources={"limits": {"memory": "Gi"}}), [True, False, True]),
}
