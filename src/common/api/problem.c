/* A list of a user's mistakes: collecting them, and the text that a person reads. Everything lives
 * in the list's arena. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "validate.h"

enum { SPELLED_OUT = 50, VALUE_SHOWN = 120, WARNINGS_MAX = 50 };

/* Doubles the array when n is a power of two. */
static void *room(struct arena *a, void *items, size_t n, size_t size) {
    if (n & (n - 1)) return items;
    return arena_grow(a, items, n * size, (n ? 2 * n : 1) * size);
}

static char *value_text(struct arena *a, const struct jv *value) {
    if (!value) return NULL;
    char *text = json_text(a, value);
    size_t n = strlen(text);
    if (n <= VALUE_SHOWN) return text;
    size_t cut = VALUE_SHOWN;
    while (cut && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--; /* not inside a character */
    return arena_printf(a, "%.*s...", (int)cut, text);
}

bool problems_full(const struct problems *p) {
    return p->n >= (p->max ? p->max : PROBLEMS_MAX);
}

bool problems_warned(const struct problems *p) {
    return p->nwarnings >= WARNINGS_MAX;
}

void problem_take(struct problems *p, struct problem x) {
    if (problems_full(p)) return;
    p->items = room(p->a, p->items, p->n, sizeof *p->items);
    p->items[p->n++] = x;
}

void problem_add(struct problems *p, const char *path, enum problem_kind kind,
                 const struct jv *value, const char *fmt, ...) {
    if (problems_full(p)) return; /* before anything is made for it */
    va_list ap;
    va_start(ap, fmt);
    char *message = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    problem_take(p, (struct problem){arena_strdup(p->a, path), kind, value_text(p->a, value), message});
}

void problem_warn(struct problems *p, const char *fmt, ...) {
    if (problems_warned(p)) return;
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < p->nwarnings; i++)
        if (str_eq(p->warnings[i], text)) return;
    p->warnings = room(p->a, p->warnings, p->nwarnings, sizeof *p->warnings);
    p->warnings[p->nwarnings++] = text;
}

static const struct {
    const char *text;
    bool value;
} kinds[] = {
    [PROBLEM_REQUIRED] = {"Required value", false},
    [PROBLEM_INVALID] = {"Invalid value", true},
    [PROBLEM_DUPLICATE] = {"Duplicate value", true},
    [PROBLEM_NOT_FOUND] = {"Not found", true},
    [PROBLEM_FORBIDDEN] = {"Forbidden", false},
    [PROBLEM_NOT_SUPPORTED] = {"Unsupported value", true},
    [PROBLEM_TOO_LONG] = {"Too long", true},
    [PROBLEM_TOO_MANY] = {"Too many", true},
};

static char *problem_text(struct arena *a, const struct problem *p) {
    const char *value = kinds[p->kind].value && p->value ? arena_printf(a, ": %s", p->value) : "";
    return arena_printf(a, "%s: %s%s: %s", p->path, kinds[p->kind].text, value, p->message);
}

/* first, between, last: what stands around several. */
static char *joined(struct arena *a, const struct problems *p, const char *first, const char *between, const char *last) {
    struct map *seen = map_in(a);
    BUF_AUTO struct buf out = BUF_INIT;
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < p->n; i++) {
        char *text = problem_text(a, &p->items[i]);
        if (map_put(seen, text, text)) continue;
        if (shown >= SPELLED_OUT) {
            more++;
            continue;
        }
        if (shown++) buf_puts(&out, between);
        buf_puts(&out, text);
    }
    if (more) buf_printf(&out, "%sand %zu more", between, more);
    return shown > 1 ? arena_printf(a, "%s%s%s", first, buf_str(&out), last) : arena_strdup(a, buf_str(&out));
}

char *problems_text(struct arena *a, const struct problems *p) { return joined(a, p, "[", ", ", "]"); }

char *problems_lines(struct arena *a, const struct problems *p) { return joined(a, p, "\n* ", "\n* ", ""); }

const char *nearest_word(const char *word, const struct words *known) {
    enum { SEARCHED = 256 }; /* who has more names to choose from does not look for them here */
    const char *best = NULL;
    size_t n = strlen(word), nearest = n < 4 ? 1 : n < 9 ? 2 : 3;
    if (n > VALUE_SHOWN) return NULL;
    for (size_t i = 0; i < known->n && i < SEARCHED; i++) {
        if (!known->items[i] || known->items[i] == known->except) continue;
        size_t d = str_distance_within(word, known->items[i], nearest);
        if (d == 0 || d > nearest || d >= strlen(known->items[i]) || (best && d == nearest))
            continue;
        best = known->items[i];
        nearest = d;
    }
    return best;
}

const char *did_you_mean(struct arena *a, const char *word, const struct words *known) {
    const char *best = nearest_word(word, known);
    return best ? arena_printf(a, " (did you mean \"%s\"?)", best) : "";
}

const char *did_you_mean_one_of(struct arena *a, const char *word, struct words *known) {
    enum { SUGGESTED = 10 };
    return known->asked++ < SUGGESTED ? did_you_mean(a, word, known) : "";
}

static size_t count(const struct words *known) {
    size_t n = known->n;
    for (size_t i = 0; known->except && i < known->n; i++) n -= known->items[i] == known->except;
    return n;
}

const char *words_list(struct arena *a, const struct words *known) {
    enum { SHOWN = 10 };
    BUF_AUTO struct buf b = BUF_INIT;
    size_t n = count(known), shown = 0;
    for (size_t i = 0; i < known->n && shown < SHOWN; i++) {
        const char *word = known->items[i];
        if (word && word == known->except) continue;
        const char *sep = shown == 0 ? "" : shown + 1 == n ? " or " : ", ";
        buf_printf(&b, "%s\"%s\"", sep, word ? word : "");
        shown++;
    }
    if (n > SHOWN) buf_printf(&b, " and %zu others", n - SHOWN);
    return arena_strdup(a, buf_str(&b));
}
