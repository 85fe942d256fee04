/* Types of API objects as tables: one row per field. The same rows drive decoding, defaults, validation, the OpenAPI
 * schema of the CRDs, strategic merge, the canonical form that is hashed, the reference pages and random objects for tests.
 * The core/v1 types below PodTemplateSpec are generated (hack/podschema) from Kubernetes' own Go types and OpenAPI. */
#ifndef RBG_DOC_SCHEMA_H
#define RBG_DOC_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "doc/json.h"

enum fkind {
    F_ANY,      /* any JSON, kept as it is (x-kubernetes-preserve-unknown-fields) */
    F_STRING,
    F_BOOL,
    F_INT32,
    F_INT64,
    F_FLOAT,
    F_QUANTITY, /* string or number */
    F_INTSTR,   /* int or string */
    F_TIME,     /* RFC 3339 */
    F_BYTES,    /* base64 */
    F_OBJECT,   /* of `type` */
    F_LIST,     /* of `elem` (and `type`) */
    F_MAP,      /* string -> `elem` (and `type`) */
};

enum {
    FF_REQUIRED = 1,   /* in the schema's `required` */
    FF_OMITEMPTY = 2,  /* Go's omitempty: a zero value that is not a pointer vanishes in the canonical form */
    FF_POINTER = 4,    /* a Go pointer: zero values stay */
    FF_ALWAYS = 8,     /* no omitempty: written even when absent ({} for structs such as resources, metadata; 0; "") */
    FF_RETAIN_KEYS = 16, /* patchStrategy retainKeys */
    FF_SET = 32,       /* list-type set */
    FF_SCHEMALESS = 64, /* typed here, but F_ANY in the CRD: the stored object has no server defaults below it */
    FF_NODEFAULT = 128, /* the default is for people: no schema writes it, since it would hide that the field was left out */
    FF_PATCH_MERGE = 256, /* primitive list merged as a set (finalizers) */
    FF_ATOMIC = 1024, /* a map, or a value without a type, that server-side apply takes as a whole */
    FF_OPT = 512, /* decoded with its .set although Go has no pointer there (zero values vanish in the canonical form) */
};

struct type;

struct field {
    const char *key;
    enum fkind kind, elem;
    unsigned flags;
    const struct type *type;   /* F_OBJECT, or the element type of F_LIST / F_MAP */
    const char *merge_key;     /* strategic merge key of a list; NULL: atomic */
    const char *list_keys;     /* x-kubernetes-list-map-keys, comma-separated; NULL: atomic */
    const char *dflt;          /* default as JSON text; NULL: none */
    const char *enums;         /* allowed strings, '|'-separated; NULL: any */
    const char *pattern;       /* regular expression of the CRD schema; NULL: none */
    const char *min, *max;     /* bounds of a number, as text */
    uint32_t min_items, max_items, min_length, max_length, min_properties, max_properties;
    const char *desc;          /* one or two sentences; NULL inside the pod template */
    size_t off;                /* offset of the struct member that decode fills (schema_decode); see type.size */
};

struct rule {
    const char *cel, *message, *path; /* x-kubernetes-validations of the type */
};

struct type {
    const char *name;
    const struct field *fields;
    size_t nfields;
    bool atomic;               /* server-side apply takes it as one value */
    size_t size;               /* of the C struct that decode fills; 0: none */
    const struct rule *rules;
    size_t nrules;
    const char *desc;
};

/* The rows of a type by their keys: for who looks several up. Made when first asked for, kept for good. Any thread. */
struct type_index;
const struct type_index *type_index(const struct type *t);
const struct field *type_index_find(const struct type_index *x, const char *key, size_t klen); /* NULL: it has no such row */

/* The row of a member; NULL: the type has none. Any thread. */
static inline const struct field *type_fieldn(const struct type *t, const char *key, size_t klen) {
    return type_index_find(type_index(t), key, klen);
}
static inline const struct field *type_field(const struct type *t, const char *key) {
    return type_fieldn(t, key, strlen(key));
}

/* The canonical form that Go's typed structs give: unknown fields dropped, FF_ALWAYS members added, omitempty zeros dropped,
 * quantities canonical. Deep: also below F_OBJECT, F_LIST, F_MAP. Returns a new tree. F_ANY subtrees are copied as they are.
 * Errors: ERR_INVALID with the field path (e.g. a quantity that is none). */
struct jv *schema_canonical(struct arena *a, const struct jv *v, const struct type *t, struct err *e);

/* Adds the defaults of the rows to a copy-on-nothing tree: `v` is changed in place. below_schemaless false: does not enter
 * FF_SCHEMALESS fields (what the API server's structural schema does). */
void schema_default(struct arena *a, struct jv *v, const struct type *t, bool below_schemaless);

/* core/v1, generated: see hack/podschema. */
extern const struct type core_PodTemplateSpec, core_PodSpec, core_Container, core_Volume, core_ServicePort, core_Toleration,
    core_ObjectMeta, core_LocalObjectReference, core_Affinity, core_EnvVar, core_VolumeMount, core_ContainerPort,
    core_ResourceRequirements, core_ObjectReference, meta_LabelSelector;
/* Whole objects. */
extern const struct type core_Pod, core_Service, core_ConfigMap, apps_ControllerRevision, apps_StatefulSet, apps_Deployment,
    meta_ObjectMeta;

#endif
