/* The YAML writer. Which strings need quotes, and which, follows what YAML 1.1 readers would make of the plain text
 * and what the emitter behind sigs.k8s.io/yaml does, so that files come out byte for byte as Kubernetes users know them:
 * keys in natural order, dashes not indented, long plain text folded behind column 80. Only reads the tree. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "common/doc/json_internal.h"
#include "doc/json.h"
#include "number.h"

enum { INDENT = 2, WIDTH = 80, SIMPLE_KEY_MAX = 128 };

struct yaml {
    struct buf *out;
    size_t column; /* in characters */
};

static void put(struct yaml *y, const char *s, size_t n) {
    buf_add(y->out, s, n);
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80) y->column++;
}

static void newline(struct yaml *y, size_t indent) {
    if (y->column) buf_putc(y->out, '\n');
    for (size_t i = 0; i < indent; i++) buf_putc(y->out, ' ');
    y->column = indent;
}

/* ---- what a reader would take plain text for ---- */

static bool is_word(const char *s) {
    static const char *const words[] = {
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "true", "True", "TRUE",
        "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
        "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "<<",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(s, words[i]) == 0) return true;
    return false;
}

static const char *digits(const char *s, size_t max) {
    for (; max && is_digit(*s); max--) s++;
    return s;
}

static bool is_float(const char *text) {
    const char *s = text + (*text == '+' || *text == '-'), *whole = s;
    s = digits(s, SIZE_MAX);
    bool any = s > whole;
    if (*s == '.') {
        const char *fraction = ++s;
        s = digits(s, SIZE_MAX);
        any |= s > fraction;
    }
    if (!any) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '+' || *s == '-';
        const char *exp = s;
        s = digits(s, SIZE_MAX);
        if (s == exp) return false;
    }
    return !*s && isfinite(strtod(text, NULL));
}

/* An integer of 64 bits in base 10, or 2, 8, 16 by prefix. A leading 0 alone means 8. */
static bool is_integer(const char *s) {
    bool neg = *s == '-';
    s += *s == '+' || *s == '-';
    unsigned base = 10;
    if (s[0] == '0' && s[1]) {
        char p = (char)(s[1] | 0x20);
        base = p == 'x' ? 16 : p == 'b' ? 2 : 8;
        s += p == 'x' || p == 'b' || p == 'o' ? 2 : 1;
    }
    if (!*s) return false;
    uint64_t v = 0;
    for (; *s; s++) {
        unsigned c = (unsigned char)*s, lower = c | 0x20;
        unsigned d = is_digit(*s) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v)) return false;
    }
    return !neg || v <= (uint64_t)INT64_MAX + 1;
}

/* One or two digits up to max. */
static bool clock_part(const char **s, long max) {
    const char *end = digits(*s, 2);
    if (end == *s || strtol(*s, NULL, 10) > max) return false;
    *s = end;
    return true;
}

static bool is_zone(const char *s) {
    if (strcmp(s, "Z") == 0) return true;
    if (*s != '+' && *s != '-') return false;
    return digits(s + 1, 2) == s + 3 && s[3] == ':' && digits(s + 4, 2) == s + 6 && !s[6] &&
           strtol(s + 1, NULL, 10) <= 24 && strtol(s + 4, NULL, 10) < 60;
}

static bool is_date(const char **at, const char *s) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (digits(s, 5) != s + 4 || s[4] != '-') return false;
    long year = strtol(s, NULL, 10);
    s += 5;
    long month = strtol(s, NULL, 10);
    if (!clock_part(&s, 12) || month < 1 || *s++ != '-') return false;
    long day = strtol(s, NULL, 10);
    bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (!clock_part(&s, days[month - 1] + leap) || day < 1) return false;
    *at = s;
    return true;
}

static bool is_timestamp(const char *s) {
    if (!is_date(&s, s)) return false;
    if (!*s) return true;
    char sep = *s++;
    if (sep != 'T' && sep != 't' && sep != ' ') return false;
    if (!clock_part(&s, 23) || *s++ != ':' || !clock_part(&s, 59) || *s++ != ':' || !clock_part(&s, 59)) return false;
    if ((*s == '.' || *s == ',') && is_digit(s[1])) s = digits(s + 1, SIZE_MAX);
    return sep == ' ' ? !*s : is_zone(s);
}

/* Sexagesimal numbers of YAML 1.1: 190:20:30.15 */
static bool is_base60(const char *s) {
    s += *s == '+' || *s == '-';
    if (!is_digit(*s)) return false;
    while (is_digit(*s) || *s == '_') s++;
    if (*s != ':') return false;
    while (*s == ':') {
        const char *part = ++s;
        s = digits(s, 2);
        if (s == part || (s - part == 2 && *part > '5')) return false;
    }
    if (*s == '.')
        for (s++; is_digit(*s) || *s == '_';) s++;
    return !*s;
}

static bool is_number(const char *s, size_t n) {
    char *plain = must(malloc(n + 1));
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i] != '_') plain[len++] = s[i];
    plain[len] = 0;
    bool hit = is_integer(plain) || is_float(plain);
    free(plain);
    return hit;
}

static bool reads_as_string(const char *s, size_t n) {
    if (strlen(s) != n) return true; /* an embedded NUL: quoted for another reason */
    if (is_word(s)) return false;
    if (*s == '.') return !number_underscores_ok(s) || !is_number(s, n);
    if (!is_digit(*s) && *s != '+' && *s != '-') return true;
    return !is_timestamp(s) && !is_number(s, n) && !is_base60(s);
}

/* ---- which style the characters allow ---- */

enum style { PLAIN, SINGLE, DOUBLE, LITERAL };

struct analysis {
    bool multiline, plain, single, block;
};

static size_t width(const char *s) {
    unsigned char c = (unsigned char)*s;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static bool is_break(const char *s) {
    return *s == '\n' || *s == '\r' || strncmp(s, "\xc2\x85", 2) == 0 || strncmp(s, "\xe2\x80\xa8", 3) == 0 ||
           strncmp(s, "\xe2\x80\xa9", 3) == 0;
}

static bool is_printable(const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return s[0] == '\n' || (s[0] >= 0x20 && s[0] <= 0x7e);
    if (s[0] == 0xc2) return s[1] >= 0xa0;
    if (s[0] == 0xef) return memcmp(s, "\xef\xbb\xbf", 3) != 0 && !(s[1] == 0xbf && s[2] >= 0xbe);
    return s[0] < 0xf0;
}

static bool starts_indicator(const char *s, bool blank_follows) {
    if (strncmp(s, "---", 3) == 0 || strncmp(s, "...", 3) == 0) return true;
    if (*s && strchr("#,[]{}&*!|>'\"%@`", *s)) return true;
    return (*s == '?' || *s == ':' || *s == '-') && blank_follows;
}

static struct analysis analyze(const char *s, size_t n) {
    struct analysis r = {.plain = true, .single = n > 0, .block = n > 0};
    bool was_space = false, was_break = false, special = false, break_space = false;
    for (size_t i = 0, w; i < n; i += w) {
        w = width(s + i);
        bool space = s[i] == ' ', brk = is_break(s + i), last = i + w >= n;
        bool blank_follows = last || s[i + w] == ' ' || s[i + w] == '\t';
        if (i == 0 ? starts_indicator(s, blank_follows) : s[i] == ':' && blank_follows) r.plain = false;
        if (s[i] == '#' && i > 0 && (s[i - 1] == ' ' || s[i - 1] == '\t' || was_break)) r.plain = false;
        if ((space || brk) && (i == 0 || last)) r.plain = false;
        if (space && last) r.block = false;
        special |= !is_printable(s + i) || (brk && was_space);
        break_space |= space && was_break;
        r.multiline |= brk;
        was_space = space;
        was_break = brk;
    }
    if (r.multiline || break_space || special) r.plain = false;
    if (break_space || special) r.single = false;
    if (special) r.block = false;
    return r;
}

static enum style choose(const char *s, size_t n, bool key) {
    struct analysis can = analyze(s, n);
    if (memchr(s, '\n', n)) return can.block && !key ? LITERAL : DOUBLE;
    if (!reads_as_string(s, n) || (key && can.multiline)) return DOUBLE;
    return can.plain ? PLAIN : can.single ? SINGLE : DOUBLE;
}

/* ---- writing scalars ---- */

static void put_break(struct yaml *y, const char *s) {
    put(y, s, width(s));
    y->column = 0;
}

/* Plain and single-quoted text, folded at spaces behind the last column. */
static void write_flat(struct yaml *y, const char *s, size_t n, size_t indent, bool fold, bool quoted) {
    bool was_space = false, was_break = false;
    if (quoted) put(y, "'", 1);
    for (size_t i = 0, w; i < n; i += w) {
        w = width(s + i);
        bool space = s[i] == ' ', inner = i > 0 && i + 1 < n && s[i + 1] != ' ';
        if (is_break(s + i)) {
            put_break(y, s + i);
            was_break = true;
            continue;
        }
        if (was_break && !space) newline(y, indent);
        if (space && fold && !was_space && inner && y->column > WIDTH) newline(y, indent);
        else put(y, s + i, w);
        if (s[i] == '\'' && quoted) put(y, "'", 1);
        was_space = space;
        if (!space) was_break = false;
    }
    if (quoted) put(y, "'", 1);
}

static unsigned code_point(const char *s, size_t w) {
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned c = (unsigned char)s[0] & mask[w];
    for (size_t i = 1; i < w; i++) c = c << 6 | ((unsigned char)s[i] & 0x3f);
    return c;
}

static void put_escape(struct yaml *y, unsigned c) {
    static const struct {
        unsigned c;
        char letter;
    } letters[] = {{0, '0'}, {7, 'a'}, {8, 'b'}, {9, 't'}, {10, 'n'}, {11, 'v'}, {12, 'f'}, {13, 'r'}, {27, 'e'}, {'"', '"'},
                   {'\\', '\\'}, {0x85, 'N'}, {0xa0, '_'}, {0x2028, 'L'}, {0x2029, 'P'}};
    size_t before = y->out->len;
    buf_putc(y->out, '\\');
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].c != c) continue;
        buf_putc(y->out, letters[i].letter);
        y->column += 2;
        return;
    }
    if (c <= 0xff) buf_printf(y->out, "x%02X", c);
    else if (c <= 0xffff) buf_printf(y->out, "u%04X", c);
    else buf_printf(y->out, "U%08X", c);
    y->column += y->out->len - before;
}

static void write_double_quoted(struct yaml *y, const char *s, size_t n, size_t indent, bool fold) {
    bool was_space = false;
    bool bom = n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0;
    put(y, "\"", 1);
    for (size_t i = 0, w; i < n; i += w) {
        w = width(s + i);
        bool space = s[i] == ' ';
        if (bom || !is_printable(s + i) || is_break(s + i) || s[i] == '"' || s[i] == '\\') {
            put_escape(y, code_point(s + i, w));
        } else if (space && fold && !was_space && i > 0 && i + 1 < n && y->column > WIDTH) {
            newline(y, indent);
            if (s[i + 1] == ' ') put(y, "\\", 1);
        } else {
            put(y, s + i, w);
        }
        was_space = space;
    }
    put(y, "\"", 1);
}

/* Whether the text ends with a line break, and with an empty line. */
static const char *chomping(const char *s, size_t n) {
    size_t i = n - 1;
    while (((unsigned char)s[i] & 0xc0) == 0x80) i--;
    if (!is_break(s + i)) return "-";
    if (i == 0) return "+";
    i--;
    while (((unsigned char)s[i] & 0xc0) == 0x80) i--;
    return is_break(s + i) ? "+" : "";
}

static void write_literal(struct yaml *y, const char *s, size_t n, size_t indent) {
    bool line_start = true;
    put(y, "|", 1);
    if (*s == ' ' || is_break(s)) put(y, "2", 1);
    put(y, chomping(s, n), strlen(chomping(s, n)));
    newline(y, 0);
    for (size_t i = 0, w; i < n; i += w) {
        w = width(s + i);
        if (is_break(s + i)) {
            put_break(y, s + i);
            line_start = true;
            continue;
        }
        if (line_start) newline(y, indent);
        put(y, s + i, w);
        line_start = false;
    }
}

/* indent: of continuation lines. */
static void write_string(struct yaml *y, const char *s, size_t n, size_t indent, bool key) {
    switch (choose(s, n, key)) {
    case PLAIN: write_flat(y, s, n, indent, !key, false); return;
    case SINGLE: write_flat(y, s, n, indent, !key, true); return;
    case DOUBLE: write_double_quoted(y, s, n, indent, !key); return;
    case LITERAL: write_literal(y, s, n, indent); return;
    }
}

/* Integers of 64 bits as they are, others as the double that a YAML reader makes of them. */
static void write_number(struct yaml *y, const struct jv *v) {
    double d = strtod(v->s, NULL);
    size_t before = y->out->len;
    if (strcmp(v->s, "-0") == 0) {
        buf_putc(y->out, '0');
    } else if (is_integer(v->s) || !isfinite(d)) {
        buf_add(y->out, v->s, v->len);
    } else {
        struct shortest s = json_shortest(d);
        if (s.exp < -4 || s.exp >= 6) json_write_exp(y->out, &s, 2);
        else json_write_fixed(y->out, &s);
    }
    y->column += y->out->len - before;
}

static void write_scalar(struct yaml *y, const struct jv *v, size_t indent) {
    switch (v->type) {
    case J_NULL: put(y, "null", 4); return;
    case J_BOOL: put(y, v->b ? "true" : "false", v->b ? 4 : 5); return;
    case J_NUM: write_number(y, v); return;
    case J_STR: write_string(y, v->s, v->len, indent, false); return;
    case J_ARR: put(y, "[]", 2); return;
    case J_OBJ: put(y, "{}", 2); return;
    case J_RAW: put(y, v->s, v->len); return; /* JSON in flow style is YAML */
    }
}

/* ---- order of keys ---- */

static unsigned next_rune(const char **s) {
    size_t w = width(*s);
    unsigned c = code_point(*s, w);
    *s += w;
    return c;
}

/* Beyond ASCII: everything but the blocks of marks, punctuation and symbols. Kubernetes' own keys are ASCII, so the
 * coarse table only has to be stable. */
static bool is_letter(unsigned c) {
    static const unsigned others[][2] = {
        {0x80, 0xa9}, {0xab, 0xb4}, {0xb6, 0xb9}, {0xbb, 0xbf}, {0xd7, 0xd7}, {0xf7, 0xf7}, {0x300, 0x36f}, {0x2000, 0x20ff},
        {0x2190, 0x2bff}, {0x2e00, 0x3004}, {0xfe00, 0xfe0f}, {0xfeff, 0xff20}, {0x1f000, 0x1faff},
    };
    if (c < 0x80) return (c | 0x20) - 'a' < 26;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (c >= others[i][0] && c <= others[i][1]) return false;
    return true;
}

static int64_t digit_run(const char **s, int64_t n) {
    uint64_t v = (uint64_t)n;
    for (; is_digit(**s); (*s)++) v = v * 10 + (uint64_t)(**s - '0');
    return (int64_t)v;
}

/* Compares at the first difference: letters by code point and after everything else, runs of digits by number, then
 * by length. A difference inside a run with leading zeros keeps what precedes significant. */
static int compare_tails(const char *start, const char *a, const char *b) {
    const char *x = a, *y = b;
    unsigned ca = next_rune(&x), cb = next_rune(&y);
    bool la = is_letter(ca), lb = is_letter(cb);
    if (la && lb) return ca < cb ? -1 : 1;
    if (la || lb) return lb ? -1 : 1;
    int64_t significant = 0;
    if (ca == '0' || cb == '0')
        for (const char *p = a; p > start && is_digit(p[-1]); p--) significant |= p[-1] != '0';
    x = a;
    y = b;
    int64_t na = digit_run(&x, significant), nb = digit_run(&y, significant);
    if (na != nb) return na < nb ? -1 : 1;
    if (x - a != y - b) return x - a < y - b ? -1 : 1;
    return ca < cb ? -1 : 1;
}

static int natural(const void *x, const void *y) {
    const struct jmember *a = *(const struct jmember *const *)x, *b = *(const struct jmember *const *)y;
    const char *s = a->key, *t = b->key, *s_end = s + a->klen, *t_end = t + b->klen;
    while (s < s_end && t < t_end) {
        const char *s0 = s, *t0 = t;
        if (next_rune(&s) != next_rune(&t)) return compare_tails(a->key, s0, t0);
    }
    return s < s_end ? 1 : t < t_end ? -1 : 0;
}

/* ---- containers ---- */

static void write_node(struct yaml *y, const struct jv *v, size_t indent, bool compact);

/* The value behind "-", "? " or ": " of an explicit key: containers start on the same line. */
static void write_compact(struct yaml *y, const struct jv *v, size_t indent) {
    put(y, " ", 1);
    if (jv_len(v)) write_node(y, v, indent + INDENT, true);
    else write_scalar(y, v, indent + INDENT);
}

static void write_member(struct yaml *y, const struct jmember *m, size_t indent) {
    if (m->klen > SIMPLE_KEY_MAX || analyze(m->key, m->klen).multiline) {
        put(y, "? ", 2);
        write_string(y, m->key, m->klen, indent + INDENT, false);
        newline(y, indent);
        put(y, ":", 1);
        write_compact(y, m->val, indent);
        return;
    }
    write_string(y, m->key, m->klen, indent + INDENT, true);
    put(y, ":", 1);
    if (jv_len(m->val)) {
        write_node(y, m->val, m->val->type == J_ARR ? indent : indent + INDENT, false);
    } else {
        put(y, " ", 1);
        write_scalar(y, m->val, indent + INDENT);
    }
}

static void write_object(struct yaml *y, const struct jv *v, size_t indent, bool compact) {
    HEAP_AUTO const struct jmember **list = must(malloc(v->len * sizeof(*list)));
    for (uint32_t i = 0; i < v->len; i++) list[i] = &v->members[i];
    qsort(list, v->len, sizeof *list, natural);
    for (uint32_t i = 0; i < v->len; i++) {
        if (i > 0 || !compact) newline(y, indent);
        write_member(y, list[i], indent);
    }
}

/* A container that is not empty. compact: its first line goes on where the cursor is. */
static void write_node(struct yaml *y, const struct jv *v, size_t indent, bool compact) {
    if (v->type == J_OBJ) {
        write_object(y, v, indent, compact);
        return;
    }
    for (uint32_t i = 0; i < v->len; i++) {
        if (i > 0 || !compact) newline(y, indent);
        put(y, "-", 1);
        write_compact(y, v->items[i], indent);
    }
}

void json_write_yaml(struct buf *out, const struct jv *v) {
    struct yaml y = {.out = out};
    if (jv_len(v)) write_node(&y, v, 0, true);
    else write_scalar(&y, v, INDENT);
    if (y.column) newline(&y, 0);
}
