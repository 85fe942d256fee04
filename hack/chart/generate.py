#!/usr/bin/env python3
"""Writes what the chart takes from the program's tables: CRDs, rights, webhook configurations, values and their schema.

  generate.py MANAGER DIRECTORY    MANAGER: rbg-manager; DIRECTORY: gets templates/..., values.yaml, values.schema.json
"""

import json
import os
import re
import subprocess
import sys

from values import HEAD, OPEN, ROWS
from yaml_out import Raw, dump

NS = Raw("{{ .Release.Namespace }}")
NOTE = "{{/* Printed by the program: hack/generate-chart.sh. Do not edit. */}}\n"
SECURED = ("customresourcedefinitions", "validatingwebhookconfigurations", "mutatingwebhookconfigurations")


def run(manager, *arguments):
    return subprocess.run([manager, *arguments], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "POD_NAMESPACE": "rbgs-system"}).stdout


def items(manager, *arguments):
    return json.loads(run(manager, *arguments))["items"]


# --- templates ---------------------------------------------------------------------------------


def escaped(text):
    """Braces of the documents themselves are no template code."""
    return re.sub(r"\{\{|\}\}", lambda m: '{{ "%s" }}' % m.group(), text)


def metadata(name, namespaced=False, annotations=""):
    lines = ["metadata:", f"  name: {name}"]
    if namespaced:
        lines.append(f"  namespace: {NS}")
    lines += ["  labels:", '    {{- include "rbgs.labels" . | nindent 4 }}']
    return "\n".join(lines) + "\n" + annotations


INJECT = '    {{- if .Values.certManager.enabled }}\n    {{- include "rbgs.injectCA" . | nindent 4 }}\n    {{- end }}\n'
INJECT_ONLY = ("  {{- if .Values.certManager.enabled }}\n  annotations:\n"
               '    {{- include "rbgs.injectCA" . | nindent 4 }}\n  {{- end }}\n')


def in_namespace(document):
    """The Service's namespace becomes the release's."""
    if isinstance(document, dict):
        if "service" in document and "namespace" in document["service"]:
            return {**document, "service": {**document["service"], "namespace": "@NS@"}}
        return {k: in_namespace(v) for k, v in document.items()}
    if isinstance(document, list):
        return [in_namespace(v) for v in document]
    return document


def body(document):
    rest = {k: v for k, v in document.items() if k not in ("apiVersion", "kind", "metadata")}
    return escaped(dump(in_namespace(rest))).replace('"@NS@"', NS)


def head(document):
    return f"apiVersion: {document['apiVersion']}\nkind: {document['kind']}\n"


def crd(document):
    annotations = "  annotations:\n    helm.sh/resource-policy: keep\n"
    if "conversion" in document["spec"]:
        annotations += INJECT
    return NOTE + head(document) + metadata(document["metadata"]["name"], annotations=annotations) + body(document)


def webhooks(documents):
    return NOTE + "---\n".join(
        head(d) + metadata(d["metadata"]["name"], annotations=INJECT_ONLY) + body(d) for d in documents)


# --- rights ------------------------------------------------------------------------------------


def rights(rules):
    """Single rights: (group, resource, names, verb)."""
    return {(g, r, tuple(rule.get("resourceNames", ())), v) for rule in rules
            for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


def rule_text(rule):
    return dump([rule])


def conditions(rule, modern):
    """For whom the rule is: the deprecated workloads, the manager that makes its own certificate, or all."""
    resources = rule["resources"]
    if not rights([rule]) & modern:
        return '{{- if include "rbgs.deprecatedWorkloads" . }}\n'
    own_ca = [r for r in resources if r in SECURED] and "patch" in rule["verbs"]
    return "{{- if not .Values.certManager.enabled }}\n" if own_ca else ""


def split(rule, modern):
    """A rule that both needs and does not need the deprecated workloads becomes two."""
    kept = [r for r in rule["resources"] if rights([{**rule, "resources": [r]}]) & modern]
    gone = [r for r in rule["resources"] if r not in kept]
    return [{**rule, "resources": part} for part in (kept, gone) if part]


def role(document, modern, namespaced):
    text = head(document) + metadata(document["metadata"]["name"], namespaced) + "rules:\n"
    for rule in (part for rule in document["rules"] for part in split(rule, modern)):
        condition = conditions(rule, modern)
        text += condition + rule_text(rule) + ("{{- end }}\n" if condition else "")
    return text


def binding(document, namespaced):
    name = document["metadata"]["name"]
    kind = document["kind"]
    target = re.sub("role$", "rolebinding", name)
    return (f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\n" + metadata(target, namespaced) +
            f"roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\n"
            "subjects:\n- kind: ServiceAccount\n  name: {{ include \"rbgs.serviceAccount\" . }}\n"
            f"  namespace: {NS}\n")


def rbac(manager):
    """One document per role and binding; those of the Secret only for the self-managed certificate."""
    full = items(manager, "--print-rbac")
    less = {d["metadata"]["name"]: rights(d["rules"])
            for d in items(manager, "--print-rbac", "--enable-deprecated-workload-types=false")}
    text = NOTE
    for document in full:
        namespaced = document["kind"] == "Role"
        secret = any("secrets" in rule["resources"] for rule in document["rules"])
        both = (role(document, less[document["metadata"]["name"]], namespaced) + "---\n" + binding(document, namespaced))
        text += "{{- if not .Values.certManager.enabled }}\n---\n" + both + "{{- end }}\n" if secret else "---\n" + both
    return text


# --- values ------------------------------------------------------------------------------------

TYPES = {"": {"string"}, "string": {"string"}, "int": {"integer"}, "number": {"number"}, "float": {"number"},
         "bool": {"boolean"}, "duration": {"string"}}


def flags(manager):
    """name -> (type, help) as the program's --help says."""
    found = re.findall(r"^  --([a-z0-9-]+)([^\n]*)\n        ([^\n]*)", run(manager, "--help"), re.M)
    return {name: (kind.strip(), re.sub(r" \(default .*\)$", "", text)) for name, kind, text in found}


def of_flag(path, schema, known, flag):
    """The flag's words; its alternatives ("a, b or c") become an enumeration."""
    if flag not in known:
        sys.exit(f"generate.py: {path}: the program has no flag --{flag}")
    kind, text = known[flag]
    if kind and schema["type"] not in TYPES.get(kind, {schema["type"]}):
        sys.exit(f"generate.py: {path}: a {schema['type']}, but --{flag} takes a {kind}")
    words = re.search(r"(?:^|: )((?:[a-z-]+, )*[a-z-]+ or [a-z-]+)$", text)
    if schema == {"type": "string"} and words:
        schema = {**schema, "enum": re.split(", | or ", words.group(1))}
    return schema, (text if words else text[0].upper() + text[1:]) + "."


def tree(known):
    """The schema, and the lines of values.yaml."""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
              "properties": {}, "additionalProperties": False}
    lines, open_path = [HEAD.rstrip("\n")], []
    for path, default, shape, words, flag in ROWS:
        if flag:
            shape, text = of_flag(path, shape, known, flag)
            words = words or text
        keys = path.split(".")
        node = schema
        for key in keys[:-1]:
            node = node["properties"].setdefault(
                key, {"type": "object", "properties": {}, "additionalProperties": key in OPEN})
        node["properties"][keys[-1]] = {"description": words, **shape, "default": default}
        same = 0
        while same < min(len(open_path), len(keys) - 1) and open_path[same] == keys[same]:
            same += 1
        if same == 0:
            lines.append("")
        for depth in range(same, len(keys) - 1):
            lines.append("  " * depth + keys[depth] + ":")
        indent = "  " * (len(keys) - 1)
        lines.append(f"{indent}# {words}")
        lines += [indent + line for line in dump({keys[-1]: default}).splitlines()]
        open_path = keys[:-1]
    return schema, "\n".join(lines) + "\n"


def write(directory, name, text):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    manager, directory = sys.argv[1:]
    for document in items(manager, "--print-crds"):
        write(directory, f"templates/crds/{document['spec']['names']['plural']}.yaml", crd(document))
    write(directory, "templates/rbac.yaml", rbac(manager))
    write(directory, "templates/webhooks.yaml", webhooks(items(manager, "--print-webhooks")))
    schema, values = tree(flags(manager))
    write(directory, "values.schema.json", json.dumps(schema, indent=2) + "\n")
    write(directory, "values.yaml", values)


main()
