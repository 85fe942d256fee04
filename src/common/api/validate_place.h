/* Inside validation of pods: a value together with where it is. The path is spelled out only when
 * there is something to report, so that looking at what is fine costs nothing. Places live on the
 * stack of the rule that looks; `up` outlives them. */
#ifndef RBG_API_VALIDATE_PLACE_H
#define RBG_API_VALIDATE_PLACE_H

#include <string.h>

#include "api/admission.h"
#include "base/map.h"
#include "validate.h"

struct place {
    const struct place *up; /* NULL: the root, whose own text is empty */
    const char *field;      /* a member, or with .key set a key of a map; NULL: an element */
    size_t index;
    bool key;
    const struct jv *v; /* NULL: nothing there */
};

struct place place_root(const struct jv *v);
/* A place that is spelled like this; the path must live as long. */
struct place place_at(const char *path, const struct jv *v);
/* Most fields are not there. In every caller, so that what this asks of a literal is a constant. */
static inline __attribute__((always_inline)) struct place place_field(const struct place *up,
                                                                      const char *field) {
    size_t n = strlen(field);
    return (struct place){
        .up = up, .field = field, .v = jv_may_have(up->v, field, n) ? jv_getn(up->v, field, n) : NULL};
}
struct place place_item(const struct place *up, size_t i);
struct place place_key(const struct place *up, const struct jmember *m);

/* Elements of a list; 0 for anything else, which the type check has reported. */
size_t place_len(const struct place *at);
/* There, and not null. */
bool place_given(const struct place *at);
/* The string there; "" when there is none. */
const char *place_text(const struct place *at);
/* Something is there, but of another type: reported as such, so no rule speaks about it again. */
bool place_mistyped(const struct place *at, enum jtype want);

char *place_path(struct arena *a, const struct place *at) __attribute__((cold));
void place_problem(struct problems *p, const struct place *at, enum problem_kind kind,
                   const char *fmt, ...) __attribute__((cold, format(printf, 4, 5)));

/* Is the string one of these words, '|'-separated? Else a problem lists them. */
void place_words(struct problems *p, const struct place *at, const char *enums);

/* Each string of a list by a rule that gives the reason, or NULL when it is fine. */
void place_texts(struct problems *p, const struct place *list, const char *(*rule)(const char *));

/* What a member may be. Empty strings count as absent, as they do for the API server. */
struct place_rule {
    struct {
        size_t len; /* first, so that a bare string does not compile */
        const char *name;
    } field;                          /* PLACE_FIELD */
    const char *needs;                /* what to write when it is missing; NULL: it may be missing */
    const char *enums;                /* allowed words, '|'-separated */
    const char *(*text)(const char *); /* a rule for a string: the reason, or NULL when fine */
    bool bounded;
    int64_t min, max;
};
void place_rules(struct problems *p, const struct place *at, const struct place_rule *rules,
                 size_t n);
#define PLACE_FIELD(text) .field = {sizeof(text) - 1, "" text}
#define PLACE_RULES(p, at, rows) place_rules(p, at, rows, sizeof(rows) / sizeof *(rows))

/* Which of these members is given, when exactly one is; else NULL, and a problem unless none is
 * needed. */
const char *place_one_of(struct problems *p, const struct place *at, const char *const *fields,
                         size_t n, bool needed);

/* A name that is new, or a problem. */
void place_unique(struct problems *p, const struct place *at, struct map *seen, const char *what);

/* Rules for strings, besides those of doc/scalar.h. */
const char *text_ip(const char *s);
const char *text_local_path(const char *s);  /* relative, below its root */
const char *text_no_backsteps(const char *s);
const char *text_file_key(const char *s);    /* of a ConfigMap or Secret */
const char *text_absolute_path(const char *s);

/* Is the value of this kind? Else a problem says what to write. */
bool check_type(struct problems *p, enum fkind k, const struct place *at);

/* The nouns, one file each; `at` is the place of what they look at. */
struct pod_check {
    struct problems *p;
    const struct place *spec;
    struct map *containers, *volumes; /* names seen so far; the values of volumes: their document */
    struct map *claims, *host_ports;
    bool injected;
    struct words *volume_names; /* for messages; NULL until they are needed */
};
void check_container(struct pod_check *k, const struct place *at, bool init);
void check_probes(struct problems *p, const struct place *container, const struct place *spec,
                  bool init);
void check_container_resources(struct pod_check *k, const struct place *container);
void check_pod_resources(struct pod_check *k);
void check_mounts(struct pod_check *k, const struct place *container);
void check_volumes(struct pod_check *k);
void check_field_ref(struct problems *p, const struct place *at, bool volume);
void check_resource_ref(struct problems *p, const struct place *at, bool volume);
void check_scheduling(struct problems *p, const struct place *spec);
void check_tolerations(struct problems *p, const struct place *spec);
void check_labels_at(struct problems *p, const struct place *map);
void check_annotations_at(struct problems *p, const struct place *map);
void check_label_selector(struct problems *p, const struct place *at);
void check_pod_security(struct problems *p, const struct place *spec);
void check_container_security(struct problems *p, const struct place *container,
                              const struct place *spec);

#endif
