#!/usr/bin/env python3
"""Makes the manifest for kubectl apply of a rendered chart (standard input to standard output): the namespace first, then
what it needs in the order of its kinds; without Helm's labels. Its Deployment selects by app.kubernetes.io/name too, as
it always did, so it can't be mistaken for a release's."""

import re
import sys

ORDER = ["CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service",
         "PodDisruptionBudget", "Deployment", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]
HEAD = """\
# RoleBasedGroup without Helm, with a certificate that the manager makes and renews itself:
#   kubectl apply --server-side -f deploy/rbg.yaml
# Rendered from charts/rbg by hack/generate-chart.sh. See docs/install.md.
apiVersion: v1
kind: Namespace
metadata:
  name: rbgs-system
  labels:
    app.kubernetes.io/name: rbgs
    pod-security.kubernetes.io/enforce: restricted
"""


def kind(document):
    return re.search(r"^kind: (\w+)$", document, re.M).group(1)


def cleaned(document):
    document = re.sub(r"^# Source: .*\n", "", document)
    document = re.sub(r"^ +(helm\.sh/chart|app\.kubernetes\.io/(managed-by|instance)): .*\n", "", document, flags=re.M)
    document = re.sub(r"^  annotations:\n    helm\.sh/resource-policy: keep\n", "", document, flags=re.M)
    if kind(document) == "Deployment":
        document = document.replace("    matchLabels:\n", "    matchLabels:\n      app.kubernetes.io/name: rbgs\n", 1)
    return document


def main():
    documents = [d for d in re.split(r"^---\n", sys.stdin.read(), flags=re.M) if re.search(r"^kind: ", d, re.M)]
    documents.sort(key=lambda d: ORDER.index(kind(d)))
    sys.stdout.write(HEAD + "".join("---\n" + cleaned(d) for d in documents))


main()
