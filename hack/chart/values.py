"""The chart's values: one row each. values.yaml and values.schema.json are written from them, and what a row says of a
flag (type, description) is read from the program's own help."""

ANY_MAP = {"type": "object"}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
TEXTS = {"type": "array", "items": {"type": "string"}}
SECRETS = {"type": "array", "items": {"anyOf": [
    {"type": "string"},
    {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}]}}
TEXT = {"type": "string"}
BOOL = {"type": "boolean"}
AMOUNT = {"type": ["integer", "string"]}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
DURATION = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(h|m|s))+$"}
PULL = {"type": "string", "enum": ["Always", "IfNotPresent", "Never"]}
DIGEST = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
COUNT = {"type": "integer", "minimum": 0}
READERS = {"type": "array", "items": {
    "type": "object", "required": ["namespace", "name"], "additionalProperties": False,
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}}}}

# (path, default, schema, description or None: the flag's, flag or None)
ROWS = [
    ("global.imagePullSecrets", [], SECRETS, "Names of the Secrets to pull images with, as strings or as {name: NAME}.", None),

    ("controller.replicaCount", 2, COUNT, "All replicas answer webhooks, one of them reconciles.", None),
    ("controller.imagePullSecrets", [], SECRETS, "Instead of global.imagePullSecrets.", None),
    ("controller.image.repository", "rolebasedgroup/rbgs-controller", TEXT, "The image that hack/image.sh makes.", None),
    ("controller.image.tag", "", TEXT, "Empty: the chart's appVersion.", None),
    ("controller.image.digest", "", DIGEST, "sha256:...: pulled by it, whatever the tag says. Empty: by the tag.", None),
    ("controller.image.pullPolicy", "IfNotPresent", PULL, "Always, IfNotPresent or Never.", None),
    ("controller.resources", {"limits": {"cpu": "1000m", "memory": "512Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}},
     ANY_MAP, "Of the manager's container.", None),
    ("controller.nodeSelector", {}, STRINGS, "Labels of the nodes that it may run on.", None),
    ("controller.tolerations", [], OBJECTS, "Taints that it may run beside.", None),
    ("controller.affinity", {}, ANY_MAP, "Affinity of its pods.", None),
    ("controller.topologySpreadConstraints", [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}], OBJECTS,
     "Without a labelSelector: counts the manager's own pods.", None),
    ("controller.priorityClassName", "", TEXT, "For instance system-cluster-critical.", None),
    ("controller.podAnnotations", {}, STRINGS, "Added to its pods.", None),
    ("controller.podLabels", {}, STRINGS, "Added to its pods.", None),
    ("controller.podSecurityContext", {}, ANY_MAP, "Merged over what the Pod Security level restricted demands.", None),
    ("controller.securityContext", {}, ANY_MAP, "As above, of the container.", None),
    ("controller.terminationGracePeriodSeconds", 30, COUNT, "Time for what is in flight to end.", None),
    ("controller.podDisruptionBudget.enabled", True, BOOL, "Keep a replica when nodes are drained.", None),
    ("controller.podDisruptionBudget.minAvailable", "", AMOUNT, "A number or a percentage; wins over maxUnavailable.", None),
    ("controller.podDisruptionBudget.maxUnavailable", 1, AMOUNT, "A number or a percentage.", None),
    ("controller.logLevel", "info", TEXT, None, "zap-log-level"),
    ("controller.extraArgs", [], TEXTS, "More flags: /manager --help lists them.", None),
    ("controller.extraEnv", [], OBJECTS, "More environment variables, as in a container.", None),
    ("controller.tuning.maxConcurrentReconciles", 10, COUNT, None, "max-concurrent-reconciles"),
    ("controller.tuning.kubeApiQPS", 0, {"type": "number", "minimum": 0}, None, "kube-api-qps"),
    ("controller.tuning.kubeApiBurst", 0, COUNT, None, "kube-api-burst"),
    ("controller.features.gangScheduling.schedulerName", "scheduler-plugins", TEXT, None, "scheduler-name"),
    ("controller.features.portAllocator.enabled", False, BOOL, "No effect in this version: ports are not allocated.", None),
    ("controller.features.portAllocator.strategy", "random", {"type": "string", "enum": ["random"]}, "How a port is chosen.", None),
    ("controller.features.portAllocator.startPort", 30000, PORT, "The first port.", None),
    ("controller.features.portAllocator.portRange", 5000, PORT, "How many ports from the first on.", None),
    ("controller.restrictProfiles", False, BOOL, None, "restrict-profiles"),
    ("controller.deprecatedWorkloadTypes.enabled", True, BOOL, None, "enable-deprecated-workload-types"),
    ("controller.pprof.enabled", False, BOOL, "No effect: there are no Go profiles in this manager.", None),
    ("controller.pprof.bindAddress", ":6060", TEXT, "No effect.", None),
    ("controller.pprof.containerPort", 6060, PORT, "No effect.", None),

    ("certManager.enabled", True, BOOL,
     "cert-manager issues the webhooks' certificate and injects its CA. false: the manager makes and renews its own.", None),
    ("certManager.issuerRef.name", "", TEXT, "An Issuer of yours whose Secrets hold ca.crt. Empty: a CA of our own.", None),
    ("certManager.issuerRef.kind", "Issuer", TEXT, "Issuer, ClusterIssuer, or a kind of another group.", None),
    ("certManager.issuerRef.group", "cert-manager.io", TEXT, "The API group of the issuer.", None),
    ("certManager.duration", "2160h", DURATION, "Life of the certificate.", None),
    ("certManager.renewBefore", "720h", DURATION, "It is renewed this long before it expires.", None),
    ("certManager.caDuration", "87600h", DURATION, "Life of our own CA.", None),
    ("clusterDomain", "cluster.local", TEXT, "The DNS domain of the cluster, for names in the certificate.", None),

    ("metrics.readers", [], READERS, "ServiceAccounts ({namespace, name}) that may read the metrics, as Prometheus'.", None),
    ("metrics.serviceMonitor.enabled", False, BOOL, "For the Prometheus operator.", None),
    ("metrics.serviceMonitor.labels", {}, STRINGS, "Labels by which the operator selects it.", None),
    ("metrics.serviceMonitor.interval", "30s", DURATION, "Time between scrapes.", None),

    ("metrics.serviceMonitor.caConfigMap", "", TEXT,
     "Without cert-manager: a ConfigMap whose ca.crt is the CA in the Secret rbgs-webhook-cert. Needed there: Prometheus sends its "
     "token to nobody else.", None),

    ("webhookClients.caConfigMap", "", TEXT,
     "A ConfigMap with CAs: review only for clients with a certificate of one of them. API servers need an AdmissionConfiguration.",
     None),
    ("webhookClients.key", "ca.crt", TEXT, "The key of the ConfigMap.", None),
    ("webhookClients.name", "", TEXT, None, "webhook-client-name"),

    ("networkPolicy.enabled", False, BOOL, "Let in only webhooks, metrics and probes.", None),
    ("networkPolicy.webhookFrom", [], OBJECTS, "Peers that may call the webhooks (the API server). Empty: all.", None),
    ("networkPolicy.metricsFrom", [], OBJECTS, "Peers that may read metrics. Empty: all.", None),
    ("networkPolicy.probesFrom", [], OBJECTS, "Peers that may ask the probes (the nodes). Empty: all.", None),

    ("crdUpgrade.enabled", False, BOOL, "No effect: the CRDs are a part of the release.", None),
    ("crdUpgrade.ttlSecondsAfterFinished", 259200, COUNT, "No effect.", None),
    ("crdUpgrade.imagePullSecrets", [], SECRETS, "No effect.", None),
    ("crdUpgrade.image", {}, {
        "type": "object", "additionalProperties": False,
        "properties": {"repository": TEXT, "tag": TEXT, "pullPolicy": PULL}}, "No effect.", None),
    ("crdUpgrade.tolerations", [], OBJECTS, "No effect.", None),
    ("crdUpgrade.nodeSelector", {}, STRINGS, "No effect.", None),
]

# Other charts of a parent chart share this one.
OPEN = {"global"}
HEAD = """\
# Values of the chart. Written by hack/generate-chart.sh from hack/chart/values.py; so is values.schema.json, which
# refuses every key that is not here.
"""
