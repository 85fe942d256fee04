/* Inside validation: what its files share. */
#ifndef RBG_API_VALIDATE_INTERNAL_H
#define RBG_API_VALIDATE_INTERNAL_H

#include "api/admission.h"
#include "api/template.h"
#include "base/map.h"

/* One validation of the spec of a group, or of the groups of a set. */
struct check {
    struct problems *p;
    struct arena *a;
    const struct rbg_spec *s, *was; /* was: as stored; NULL on create */
    const char *path;  /* of the group's spec: "spec", "spec.groupTemplate.spec" */
    const char *group; /* the longest name that a group will have; "" when it is not known yet */
    bool deprecated;   /* StatefulSet, Deployment and LeaderWorkerSet are allowed */
    const struct lookup *l;
    struct map *roles, *was_roles; /* by name */
    struct words *names;           /* of all roles; items NULL until they are needed */
    struct map *said;              /* what was said about pod templates */
    bool too_much;                 /* the pod templates are not looked at: all together they are too large */
};

/* One role of it. */
struct role_check {
    const struct check *c;
    const struct role *r;
    const char *path; /* "spec.roles[2]" */
    struct arena *tmp; /* goes with the role */
    struct component_notes *notes; /* of each component */
};

/* What one component's template says, read when it is first needed. */
struct component_notes {
    struct map *allocated, *declared; /* names of ports */
    const struct jv *after;           /* startAfter */
    bool after_read;
};

/* A list of known words, for messages. */
struct words {
    const char **items;
    size_t n;
    const char *except; /* one of the items, by its address, that does not count; NULL: none */
    unsigned asked;     /* times that the nearest was looked for in a long list */
};

/* The known word that is nearest to one that is none of them; NULL: none is near. */
const char *nearest_word(const char *word, const struct words *known);
/* " (did you mean \"x\"?)" when one of the words is near, else "". */
const char *did_you_mean(struct arena *a, const char *word, const struct words *known);
/* The same for a list whose length a user chooses: the first mistakes get a suggestion, and who makes more finds the others by
 * these. */
const char *did_you_mean_one_of(struct arena *a, const char *word, struct words *known);
/* "a", "b" or "c"; at most ten. */
const char *words_list(struct arena *a, const struct words *known);

void check_names(const struct role_check *k); /* do the names of what the role becomes fit? */
void check_pod_names(const struct check *c); /* does another role make a pod of the same name? */
/* Ports that pods of component i get are annotations of their instance: do those keys fit? */
void check_port_keys(const struct role_check *k, const struct effective *all, size_t i,
                     struct problems *p);
void check_rollout(const struct role_check *k);
void check_role_annotations(const struct role_check *k);
/* Are the effective pod templates together small enough to be looked at, and to be kept? */
void check_template_sizes(struct check *c);
void check_templates(const struct role_check *k); /* effective pod templates and their directives */
void check_role(const struct role_check *k);


/* What has no effect (validate_unused.c): in a role; a kind; names under our prefixes, in a map at AT_* and in a template. */
void check_unused(const struct role_check *k);
void warn_kind(struct problems *p, enum kind k);
struct place;
void check_our_names(struct problems *p, const struct place *map, bool label, unsigned where);
void warn_above_all(struct problems *p, const struct place *at);
void check_template_names(struct problems *p, const struct place *template);
void check_needs(struct problems *p, const struct place *notes, const char *key, const char *needs, bool given);

/* Group annotations: of the group itself, or what a set writes onto its groups. */
void check_group_annotations(struct problems *p, const struct jv *annotations, const char *path);

/* What Kubernetes would refuse in a pod made of this template, with paths relative to the template:
 * in its spec, and in all but its spec. injected: containers and volumes come from engine runtimes
 * too, so an unknown volume is no mistake. */
void check_pod_spec(struct problems *p, const struct jv *tpl, bool injected);
void check_pod_frame(struct problems *p, const struct jv *tpl);

/* Type errors and unknown fields in a pod template's spec, or (false) in all but its spec; relative paths. */
void check_pod_types(struct problems *p, const struct jv *tpl, bool spec);

/* The same for the spec of a group or set, down to its pod templates; paths from the root. */
void check_spec_types(struct problems *p, const struct jv *doc, enum kind k);

/* Directives in the annotations of component `i`'s template, relative paths. */
void check_directives(struct problems *p, const struct role_check *k, const struct effective *all,
                      size_t n, size_t i);

/* Whole objects of other kinds. */
void validate_coordination(struct problems *p, const struct jv *doc, const struct lookup *l);
void validate_warmup(struct problems *p, const struct jv *doc, const struct lookup *l);

/* What a v1alpha1 group says about coordination, as text in an annotation. */
void check_coordination_note(struct problems *p, const struct jv *notes, const char *path,
                             const struct rbg_spec *s);

/* Warnings about deprecated fields; was: the stored role, NULL when there is none. */
void check_deprecated(const struct role_check *k, const struct role *was);

#endif
