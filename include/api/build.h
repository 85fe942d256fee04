/* The objects that a group is made of, as they are applied: RoleInstanceSet, Service, discovery ConfigMap, revisions. Pure. */
#ifndef RBG_API_BUILD_H
#define RBG_API_BUILD_H

#include "api/kinds.h"
#include "api/model.h"
#include "api/template.h"

/* ControllerRevision data of a group (part B 1.6): the canonical bytes, and the hash of each role in spec order. */
struct group_revision { char *bytes; size_t len; char hash[16]; char (*role_hash)[16]; };
int build_group_revision(struct arena *a, const struct rbg *g, struct group_revision *out, struct err *e);
struct jv *build_group_revision_object(struct arena *a, const struct rbg *g, const struct group_revision *r, int64_t number);

/* What a role's workload depends on beyond the role itself. */
struct role_build {
    struct build_ctx ctx;
    const char *role_hash;
    int32_t replicas;                     /* desired, or the staged target */
    const struct jv *partition, *max_unavailable; /* overrides of coordination; NULL: the role's */
};
struct jv *build_ris(struct arena *a, const struct role_build *b, const struct role *r, struct err *e);
/* owner: the live workload document. */
struct jv *build_service(struct arena *a, const struct rbg *g, const struct role *r, const char *service_name, enum kind owner_kind,
                         const struct jv *owner);
/* Group i of a set, as its template wants it. live: the present one, or NULL; it keeps the count of a role that is autoscaled.
 * To read: it shares with both what it leaves, as there may be many. */
struct jv *build_set_group(struct arena *a, const struct jv *set, int32_t i, const struct jv *live);
/* The scaling adapter of a role, not bound yet (part B 7.2). */
struct jv *build_adapter(struct arena *a, const struct rbg *g, const struct role *r);
/* The discovery ConfigMap; NULL when no role is stateful. services: name of each role's service, by role index. */
/* Under what key the file says a port: its name in lower case, '_' for '-'; without a name "port<number>". */
char *discovery_port_key(struct arena *a, const char *name, int64_t number);
struct jv *build_discovery(struct arena *a, const struct rbg *g, const char *const *services);
char *build_discovery_text(struct arena *a, const struct rbg *g, const char *const *services);

/* Revisions of sets and instances (part C 3, part D 3): canonical data bytes; name = <owner cut to 223>-<hash>. */
struct revision { char *bytes; size_t len; char *name; char hash[16]; };
int build_ris_revision(struct arena *a, const struct ris *s, int32_t collisions, struct revision *out, struct err *e);
int build_ri_revision(struct arena *a, const struct ri *i, int32_t collisions, struct revision *out, struct err *e);
/* Does a stored ControllerRevision hold these canonical bytes? */
bool build_revision_same(const struct jv *object, const char *bytes, size_t len);
struct jv *build_ris_revision_object(struct arena *a, const struct ris *s, const struct revision *r, int64_t number);
struct jv *build_ri_revision_object(struct arena *a, const struct ri *i, const struct revision *r, int64_t number);

/* A new stateful RoleInstance (part C 4.3). template: the roleInstanceTemplate document to use; revision: full name. */
struct jv *build_ri(struct arena *a, const struct ris *s, int ordinal, const struct jv *template, const char *revision);
/* What it is made with: the labels, and the annotations that the set hands down (ports are added by the allocator). */
struct jv *build_ri_labels(struct arena *a, const struct ris *s, int ordinal, const char *revision);
struct jv *build_ri_annotations(struct arena *a, const struct ris *s);
bool ri_annotation_handed_down(const char *key);
/* A new stateless RoleInstance (part C 5.3): "<set>-<id>". now: RFC 3339, the start of its life cycle. */
struct jv *build_ri_stateless(struct arena *a, const struct ris *s, const char *id, const struct jv *template, const char *revision,
                              const char *now);
/* Is the set's role-instance-pattern "Stateless"? */
bool ris_stateless(const struct ris *s);
/* roleInstanceTemplate with the identity labels of an ordinal in every component's template (deep copy). */
struct jv *build_ri_spec(struct arena *a, const struct ris *s, int ordinal, const struct jv *template);

#endif
