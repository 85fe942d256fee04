/* Name rules. Pure; every function returns a static reason, or NULL when the name is fine.
 * Source of the rules: k8s.io/apimachinery/pkg/util/validation and pkg/api/validate/content. */
#include <stddef.h>
#include <string.h>

#include "doc/scalar.h"

/* Sets of characters, as bits of a row of `class_of`. */
enum { LOWER = 1, UPPER = 2, DIGITS = 4, DASH = 8, UNDERSCORE = 16, DOT = 32,
       ALNUM = LOWER | UPPER | DIGITS, ENV_INNER = ALNUM | DASH | UNDERSCORE | DOT };

#define LABEL_MAX 63
#define SUBDOMAIN_MAX 253
#define PORT_MAX 15

static const unsigned char class_of[256] = {
    ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGITS, ['-'] = DASH, ['_'] = UNDERSCORE, ['.'] = DOT,
};

static bool one_of(char c, unsigned set) { return class_of[(unsigned char)c] & set; }

static bool only(const char *s, size_t n, unsigned set) {
    for (size_t i = 0; i < n; i++)
        if (!one_of(s[i], set)) return false;
    return true;
}

/* Non-empty, of `inner`, first of `first`, last of `last`. */
static bool shaped(const char *s, size_t n, unsigned first, unsigned inner, unsigned last) {
    return n && one_of(s[0], first) && one_of(s[n - 1], last) && only(s, n, inner);
}

static bool dns_label_shaped(const char *s, size_t n) {
    return shaped(s, n, LOWER | DIGITS, LOWER | DIGITS | DASH, LOWER | DIGITS);
}

static bool subdomain_shaped(const char *s, size_t n) {
    for (const char *end = s + n;;) {
        const char *dot = memchr(s, '.', (size_t)(end - s));
        if (!dns_label_shaped(s, (size_t)((dot ? dot : end) - s))) return false;
        if (!dot) return true;
        s = dot + 1;
    }
}

const char *name_dns1123_label(const char *s) {
    size_t n = strlen(s);
    if (n > LABEL_MAX) return "must be an RFC 1123 label, of no more than 63 characters";
    if (dns_label_shaped(s, n)) return NULL;
    if (subdomain_shaped(s, n)) return "must be an RFC 1123 label, without dots";
    return "must be an RFC 1123 label: lower-case letters, digits and '-', a letter or digit first and last "
           "(for example 'my-name' or '123-abc')";
}

const char *name_dns1123_subdomain(const char *s) {
    size_t n = strlen(s);
    if (n > SUBDOMAIN_MAX) return "must be an RFC 1123 subdomain, of no more than 253 characters";
    if (subdomain_shaped(s, n)) return NULL;
    return "must be an RFC 1123 subdomain: lower-case letters, digits, '-' and '.', a letter or digit first and last in every "
           "part between dots (for example 'example.com')";
}

const char *name_dns1035_label(const char *s) {
    size_t n = strlen(s);
    if (n > LABEL_MAX) return "must be an RFC 1035 label, of no more than 63 characters";
    if (shaped(s, n, LOWER, LOWER | DIGITS | DASH, LOWER | DIGITS)) return NULL;
    return "must be an RFC 1035 label: lower-case letters, digits and '-', a letter first, a letter or digit last "
           "(for example 'my-name' or 'abc-123')";
}

static bool label_shaped(const char *s, size_t n) {
    return shaped(s, n, ALNUM, ALNUM | DASH | UNDERSCORE | DOT, ALNUM);
}

static const char *prefix_reason(const char *s, size_t n) {
    if (n == 0) return "the prefix before '/' must not be empty";
    if (n > SUBDOMAIN_MAX) return "the prefix before '/' must be an RFC 1123 subdomain, of no more than 253 characters";
    if (subdomain_shaped(s, n)) return NULL;
    return "the prefix before '/' must be an RFC 1123 subdomain: lower-case letters, digits, '-' and '.' "
           "(for example 'example.com')";
}

const char *name_qualified(const char *s) {
    const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;
    if (strchr(name, '/')) return "must have at most one '/', between an optional DNS subdomain and the name";
    const char *reason = slash ? prefix_reason(s, (size_t)(slash - s)) : NULL;
    if (reason) return reason;
    size_t n = strlen(name);
    if (n == 0) return "the name must not be empty";
    if (n > LABEL_MAX) return "the name must be no more than 63 characters";
    if (label_shaped(name, n)) return NULL;
    return "the name must consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit "
           "(for example 'MyName' or 'my.name')";
}

const char *name_label_value(const char *s) {
    size_t n = strlen(s);
    if (n > LABEL_MAX) return "must be no more than 63 characters";
    if (n == 0 || label_shaped(s, n)) return NULL;
    return "must be empty, or consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit "
           "(for example 'MyValue' or '12345')";
}

const char *name_env(const char *s) {
    size_t n = strlen(s);
    if (!shaped(s, n, ENV_INNER & ~(unsigned)DIGITS, ENV_INNER, ENV_INNER))
        return "must consist of letters, digits, '_', '-' and '.', and must not start with a digit "
               "(for example 'MY_ENV.NAME')";
    if (strcmp(s, ".") == 0) return "must not be '.'";
    return strncmp(s, "..", 2) == 0 ? "must not start with '..'" : NULL;
}

const char *name_port(const char *s) {
    size_t n = strlen(s);
    if (n > PORT_MAX) return "must be no more than 15 characters";
    if (n == 0 || !only(s, n, LOWER | DIGITS | DASH)) return "must consist of lower-case letters, digits and '-'";
    if (only(s, n, DIGITS | DASH)) return "must contain at least one letter";
    if (strstr(s, "--")) return "must not contain two '-' in a row";
    return s[0] == '-' || s[n - 1] == '-' ? "must not start or end with '-'" : NULL;
}
