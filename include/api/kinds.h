/* The table of kinds: one row for each kind that the program serves, makes or reads. Paths, reflectors, CRDs, RBAC, owner
 * references and metrics come from these rows. */
#ifndef RBG_API_KINDS_H
#define RBG_API_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "doc/json.h"
#include "doc/schema.h"

enum kind {
    KIND_NONE,
    /* ours, workloads.x-k8s.io */
    KIND_RBG, KIND_RBGSET, KIND_ADAPTER, KIND_PROFILE, KIND_POLICY, KIND_RIS, KIND_RI, KIND_WARMUP, KIND_INSTANCESET,
    KIND_INSTANCE,
    /* Kubernetes' */
    KIND_POD, KIND_SERVICE, KIND_CONFIGMAP, KIND_REVISION, KIND_NODE, KIND_EVENT, KIND_SECRET, KIND_LEASE, KIND_STATEFULSET,
    KIND_DEPLOYMENT, KIND_CRD, KIND_VALIDATING_CONFIG, KIND_MUTATING_CONFIG, KIND_TOKEN_REVIEW, KIND_SUBJECT_ACCESS_REVIEW,
    /* optional CRDs of others */
    KIND_LWS, KIND_PODGROUP, KIND_VOLCANO_PODGROUP,
    KIND_COUNT
};

struct column { const char *name, *type, *path; int priority; };

struct kind_version {
    const char *name;         /* "v1alpha2" */
    const struct type *type;  /* the whole object: apiVersion, kind, metadata, spec, status; NULL for kinds that are not ours */
    bool served, storage, deprecated;
    const struct column *columns;
    size_t ncolumns;
    const char *scale_spec, *scale_status, *scale_selector; /* JSON paths; NULL: no scale subresource */
};

struct kind_info {
    enum kind kind;
    const char *group;   /* "" for core */
    const char *version; /* the one that this program uses on the wire */
    const char *api_version; /* "<group>/<version>", "v1" */
    const char *name, *plural, *singular, *short_name, *list;
    bool in_all; /* `kubectl get all` lists it: people make it */
    bool cluster_scoped, ours, status, convert;
    bool optional;       /* the CRD may be absent */
    const struct kind_version *versions;
    size_t nversions;
    const struct type *type;   /* of a kind that is not ours: the whole object; NULL: not known here. See kind_type */
    const char *verbs;         /* RBAC of the manager: "list,watch,create,patch,delete"; NULL: none */
    const char *status_verbs;  /* of the status subresource */
    bool owner;                /* children name it in blocking owner references, which needs update on its finalizers */
    bool deprecated_workload;  /* rights only while deprecated workload types are enabled */
    const char *desc;          /* of the CRD */
};

const struct kind_info *kind_info(enum kind k); /* never NULL for a valid kind */
enum kind kind_find(const char *group, const char *kind_name); /* KIND_NONE if unknown; any version */
enum kind kind_of(const struct jv *doc); /* by the group of its apiVersion, and its kind; also of a reference that has both */
enum kind kind_by_name(const char *kind_name);
const struct kind_version *kind_version(enum kind k, const char *version);

/* The whole object in the version that this program uses on the wire; NULL: not known here. */
const struct type *kind_type(enum kind k);

const char *kind_api_version(enum kind k); /* "workloads.x-k8s.io/v1alpha2", "v1" */

/* "/apis/<group>/<version>/namespaces/<ns>/<plural>[/<name>[/<sub>]]". ns NULL or cluster-scoped: without namespace;
 * name NULL: the collection. What is no plain character of a name is percent-encoded. */
char *kind_path(struct arena *a, enum kind k, const char *ns, const char *name, const char *sub);

/* {apiVersion, kind, metadata: {name, namespace}}: the start of every object that we make. ns NULL: none. */
struct jv *kind_object(struct arena *a, enum kind k, const char *ns, const char *name);

/* An owner reference to `owner` (a document with metadata). */
struct jv *kind_owner_ref(struct arena *a, enum kind k, const struct jv *owner, bool controller, bool block);

/* The controller owner reference of a document, or NULL. */
const struct jv *meta_controller(const struct jv *doc);
bool meta_owned_by(const struct jv *doc, const char *uid); /* any owner reference */

/* Shorthands for metadata: NULL-tolerant; "" when absent. */
const char *meta_name(const struct jv *doc);
const char *meta_ns(const struct jv *doc);
const char *meta_uid(const struct jv *doc);
const char *meta_rv(const struct jv *doc);
int64_t meta_generation(const struct jv *doc);
bool meta_deleting(const struct jv *doc);
const char *meta_label(const struct jv *doc, const char *key);      /* NULL when absent */
const char *meta_annotation(const struct jv *doc, const char *key); /* NULL when absent */

#endif
