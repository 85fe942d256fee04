/* Places in a pod template, and the rules that fit in one line of a table. Pure. */
#include "validate_place.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "validate.h"

struct place place_root(const struct jv *v) {
    return (struct place){.v = v};
}

struct place place_at(const char *path, const struct jv *v) {
    static const struct place nowhere;
    return (struct place){.up = &nowhere, .field = path, .v = v};
}

struct place place_item(const struct place *up, size_t i) {
    return (struct place){.up = up, .index = i, .v = jv_idx(up->v, i)};
}

struct place place_key(const struct place *up, const struct jmember *m) {
    return (struct place){.up = up, .field = m->key, .key = true, .v = m->val};
}

size_t place_len(const struct place *at) {
    return jv_is(at->v, J_ARR) ? at->v->len : 0;
}

bool place_given(const struct place *at) {
    return at->v && at->v->type != J_NULL;
}

const char *place_text(const struct place *at) {
    return jv_str(at->v, "");
}

bool place_mistyped(const struct place *at, enum jtype want) {
    return place_given(at) && at->v->type != want;
}

static void spell(struct buf *out, const struct place *at) {
    if (!at->up) return;
    spell(out, at->up);
    if (!at->field)
        buf_printf(out, "[%zu]", at->index);
    else if (at->key)
        buf_printf(out, "[%s]", at->field);
    else
        buf_printf(out, "%s%s", out->len ? "." : "", at->field);
}

char *place_path(struct arena *a, const struct place *at) {
    BUF_AUTO struct buf b = BUF_INIT;
    spell(&b, at);
    return arena_strdup(a, buf_str(&b));
}

void place_problem(struct problems *p, const struct place *at, enum problem_kind kind,
                   const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    bool shown = kind != PROBLEM_REQUIRED && kind != PROBLEM_FORBIDDEN;
    problem_add(p, place_path(p->a, at), kind, shown ? at->v : NULL, "%s", text);
}

/* ---- rules in tables ---- */

static bool in_words(const char *words, const char *s) {
    size_t n = strcspn(s, "|"); /* two of them are no word */
    for (const char *at = s[n] ? NULL : words; at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strncmp(at, s, n) == 0 && (at[n] == '|' || at[n] == '\0')) return true;
    }
    return false;
}

void place_words(struct problems *p, const struct place *at, const char *enums) {
    enum { WORDS_MAX = 16 };
    if (in_words(enums, place_text(at))) return;
    const char *words[WORDS_MAX];
    struct words known = {words, 0};
    for (char *save = NULL, *w = strtok_r(arena_strdup(p->a, enums), "|", &save);
         w && known.n < WORDS_MAX; w = strtok_r(NULL, "|", &save))
        words[known.n++] = w;
    place_problem(p, at, PROBLEM_NOT_SUPPORTED, "write %s%s", words_list(p->a, &known),
                  did_you_mean(p->a, place_text(at), &known));
}

void place_texts(struct problems *p, const struct place *list, const char *(*rule)(const char *)) {
    for (size_t i = 0; i < place_len(list); i++) {
        struct place at = place_item(list, i);
        const char *wrong = jv_is(at.v, J_STR) ? rule(at.v->s) : NULL;
        if (wrong) place_problem(p, &at, PROBLEM_INVALID, "it %s", wrong);
    }
}

static void rule_text(struct problems *p, const struct place *at, const struct place_rule *r) {
    if (place_mistyped(at, J_STR)) return;
    const char *s = place_text(at), *wrong;
    if (!*s) {
        if (r->needs) place_problem(p, at, PROBLEM_REQUIRED, "%s", r->needs);
        return;
    }
    if (r->enums) place_words(p, at, r->enums);
    wrong = r->text ? r->text(s) : NULL;
    if (wrong) place_problem(p, at, PROBLEM_INVALID, "it %s", wrong);
}

static void rule_number(struct problems *p, const struct place *at, const struct place_rule *r) {
    if (!place_given(at)) {
        if (r->needs) place_problem(p, at, PROBLEM_REQUIRED, "%s", r->needs);
        return;
    }
    int64_t n = jv_int(at->v, INT64_MIN);
    if (at->v->type != J_NUM || n == INT64_MIN || (n >= r->min && n <= r->max)) return;
    if (r->max >= INT32_MAX)
        place_problem(p, at, PROBLEM_INVALID, "must not be less than %lld", (long long)r->min);
    else
        place_problem(p, at, PROBLEM_INVALID, "must be from %lld to %lld", (long long)r->min,
                      (long long)r->max);
}

void place_rules(struct problems *p, const struct place *at, const struct place_rule *rules,
                 size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct place_rule *r = &rules[i];
        const struct place v = {.up = at,
                                .field = r->field.name,
                                .v = jv_getn(at->v, r->field.name, r->field.len)};
        if (!v.v && !r->needs) continue; /* most of them */
        if (r->bounded)
            rule_number(p, &v, r);
        else
            rule_text(p, &v, r);
    }
}

static size_t index_of(const char *const *fields, size_t n, const char *key) {
    size_t i = 0;
    while (i < n && (fields[i][0] != key[0] || !str_eq(fields[i], key))) i++;
    return i;
}

/* Looks each member up among the fields: there are few members, and up to thirty fields. */
const char *place_one_of(struct problems *p, const struct place *at, const char *const *fields,
                         size_t n, bool needed) {
    size_t first = n, last = 0;
    if (place_mistyped(at, J_OBJ)) return NULL;
    JV_FOR_OBJ(m, at->v) {
        size_t i = m->val->type == J_NULL ? n : index_of(fields, n, m->key);
        if (i == n) continue;
        if (i < first) first = i;
        if (i > last) last = i;
    }
    if (first < last) {
        place_problem(p, at, PROBLEM_FORBIDDEN, "%s and %s are both given: keep one of them",
                      fields[first], fields[last]);
        return NULL;
    }
    if (first < n) return fields[first];
    if (needed) {
        struct words known = {(const char **)(uintptr_t)fields, n};
        place_problem(p, at, PROBLEM_REQUIRED, "write one of %s", words_list(p->a, &known));
    }
    return NULL;
}

void place_unique(struct problems *p, const struct place *at, struct map *seen, const char *what) {
    const char *s = place_text(at);
    if (*s && map_put(seen, s, (void *)(uintptr_t)at->up->v))
        place_problem(p, at, PROBLEM_DUPLICATE, "the name of %s must be unique: rename one", what);
}

/* ---- rules for strings ---- */

const char *text_ip(const char *s) {
    unsigned char to[16];
    bool ip = inet_pton(AF_INET, s, to) == 1 || inet_pton(AF_INET6, s, to) == 1;
    return ip ? NULL : "must be an IP address, such as 10.9.8.7 or 2001:db8::ffff";
}

const char *text_no_backsteps(const char *s) {
    for (const char *at = s; at; at = strchr(at, '/')) {
        if (*at == '/') at++;
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return "must not contain \"..\"";
    }
    return NULL;
}

const char *text_local_path(const char *s) {
    if (*s == '/') return "must be a relative path";
    return text_no_backsteps(s);
}

const char *text_absolute_path(const char *s) {
    return *s == '/' ? NULL : "must be an absolute path";
}

const char *text_file_key(const char *s) {
    static const char chars[] = "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (strlen(s) > 253) return "must be no more than 253 characters";
    if (s[strspn(s, chars)])
        return "must consist of letters, digits, '-', '_' or '.' (e.g. 'key.name')";
    if (str_eq(s, ".") || strncmp(s, "..", 2) == 0) return "must not be \".\" or start with \"..\"";
    return NULL;
}
