#!/usr/bin/env python3
"""Makes the manifests for kubectl apply: of the rendered chart (standard input), and of what --print-crds says.

  manifest.py CRDS DIRECTORY    CRDS: the output of rbg-manager --print-crds; DIRECTORY gets
      rbg.yaml        everything: what one apply installs
      crds.yaml       the definitions alone
      manager.yaml    the rest: to delete it keeps the groups

The namespace comes first, then what it needs in the order of its kinds; without Helm's labels. The Deployment selects by
app.kubernetes.io/name too, as it always did, so it can't be mistaken for a release's. The definitions are compact JSON, which is
YAML as well, at a third of the size."""

import json
import os
import re
import sys

ORDER = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "PodDisruptionBudget",
         "NetworkPolicy", "Deployment", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: rbgs-system
  labels:
    app.kubernetes.io/name: rbgs
    pod-security.kubernetes.io/enforce: restricted
"""
MADE = "# Rendered from charts/rbg by hack/generate-chart.sh. See docs/install.md.\n"
HEAD_ALL = """\
# RoleBasedGroup without Helm, with a certificate that the manager makes and renews itself:
#   kubectl apply --server-side -f deploy/rbg.yaml
# Never delete by this file: the definitions go with it, and all groups and their pods with them. deploy/manager.yaml is the same
# without the definitions.
"""
HEAD_CRDS = """\
# The definitions of RoleBasedGroup's kinds, alone. Deleting them deletes every group and its pods.
#   kubectl apply --server-side -f deploy/crds.yaml
"""
HEAD_MANAGER = """\
# RoleBasedGroup without its definitions (deploy/crds.yaml), with a certificate that the manager makes and renews itself:
#   kubectl apply --server-side -f deploy/manager.yaml
#   kubectl delete -f deploy/manager.yaml       # groups and their pods stay
"""


def kind(document):
    return re.search(r"^kind: (\w+)$", document, re.M).group(1)


def cleaned(document):
    document = re.sub(r"^# Source: .*\n", "", document)
    document = re.sub(r"^ +(helm\.sh/chart|app\.kubernetes\.io/(managed-by|instance)): .*\n", "", document, flags=re.M)
    if kind(document) == "Deployment":
        document = document.replace("    matchLabels:\n", "    matchLabels:\n      app.kubernetes.io/name: rbgs\n", 1)
    return document


def labels_of(documents):
    """As the chart gives them to every object."""
    found = re.search(r'app\.kubernetes\.io/version: "?([^"\n]+)"?', documents)
    return {"app.kubernetes.io/name": "rbgs", "app.kubernetes.io/version": found.group(1)}


def definition(item, labels):
    item["metadata"]["labels"] = labels
    return json.dumps(item, separators=(",", ":"), ensure_ascii=False) + "\n"


def main(crds, directory):
    rendered = sys.stdin.read()
    documents = [d for d in re.split(r"^---\n", rendered, flags=re.M) if re.search(r"^kind: ", d, re.M)]
    rest = sorted((d for d in documents if kind(d) != "CustomResourceDefinition"), key=lambda d: ORDER.index(kind(d)))
    with open(crds, encoding="utf-8") as f:
        items = sorted(json.load(f)["items"], key=lambda item: item["metadata"]["name"])
    definitions = [definition(item, labels_of(rendered)) for item in items]
    rest = [NAMESPACE] + [cleaned(d) for d in rest]
    for name, head, parts in (("rbg.yaml", HEAD_ALL, rest[:1] + definitions + rest[1:]), ("crds.yaml", HEAD_CRDS, definitions),
                              ("manager.yaml", HEAD_MANAGER, rest)):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(head + MADE + "---\n".join(parts))


main(*sys.argv[1:])
