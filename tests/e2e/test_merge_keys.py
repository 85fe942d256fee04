"""Our tables say the same about strategic merge as the API server does."""

import json

from harness import test

DEFINITION = "#/definitions/"
ROOT = "io.k8s.api.core.v1.PodTemplateSpec"


def resolve(schema):
    """The name of the definition a field refers to, in a list or a map or alone."""
    for s in (schema, schema.get("items", {}), schema.get("additionalProperties", {})):
        if isinstance(s, dict) and s.get("$ref", "").startswith(DEFINITION):
            return s["$ref"].removeprefix(DEFINITION)
    return None


def walk(definitions, name, path, rows, fields):
    for key, schema in definitions[name].get("properties", {}).items():
        at = f"{path}.{key}" if path else key
        fields.add(at)
        strategy = schema.get("x-kubernetes-patch-strategy", "").split(",")
        if strategy != [""]:
            rows[at] = {"merge": "merge" in strategy, "retainKeys": "retainKeys" in strategy}
            if "x-kubernetes-patch-merge-key" in schema:
                rows[at]["key"] = schema["x-kubernetes-patch-merge-key"]
        below = resolve(schema)
        if below:
            walk(definitions, below, at, rows, fields)


@test
def they_are_those_of_the_api_server(case):
    definitions = json.loads(case.cluster.kubectl("get", "--raw", "/openapi/v2").stdout)["definitions"]
    theirs, fields = {}, set()
    walk(definitions, ROOT, "", theirs, fields)
    ours = case.run.tool("merge-keys")
    assert len(theirs) > 20 and "spec.containers" in theirs, "the walk found too little"
    # Nobody writes owners into a template, so our tables leave them out.
    different = {p: {"ours": ours.get(p), "theirs": theirs.get(p)} for p in sorted(set(ours) | set(theirs))
                 if ours.get(p) != theirs.get(p) and not p.endswith("metadata.ownerReferences")}
    assert not different, json.dumps(different, indent=1)
    assert set(ours) <= fields
