/* How child objects are called. Pure text; every result lives in the caller's arena. The 63 bytes are the length of a DNS label,
 * which names of Services and pods must keep. */
#include <string.h>

#include "api/names.h"
#include "api/limits.h"
#include "base/hash.h"
#include "base/str.h"

static char *cut(char *name) {
    size_t n = strlen(name);
    if (n > DNS_LABEL_MAX) n = DNS_LABEL_MAX;
    while (n > 0 && name[n - 1] == '-') n--;
    name[n] = '\0';
    return name;
}

char *name_workload(struct arena *a, const char *rbg, const char *role) {
    return cut(arena_printf(a, "%s-%s", rbg, role));
}

char *name_service(struct arena *a, const char *rbg, const char *role) {
    return cut(arena_printf(a, "s-%s-%s", rbg, role));
}

char *name_adapter(struct arena *a, const char *rbg, const char *role) {
    return arena_printf(a, "%s-%s", rbg, role);
}

char *name_group_uid(struct arena *a, const char *ns, const char *rbg) {
    char hex[41];
    const char *text = arena_printf(a, "%s/%s", ns, rbg);
    return arena_strdup(a, sha1_hex(text, strlen(text), hex));
}

char *name_role_revision_label(struct arena *a, const char *role) {
    return arena_printf(a, L_ROLE_REVISION_PREFIX "%s", role);
}

char *name_pod(struct arena *a, const char *instance, const char *role_type, const char *component,
               int id) {
    if (!role_type || str_eq(role_type, ROLE_TYPE_COMPONENTS))
        return arena_printf(a, "%s-%s-%d", instance, component, id);
    if (str_eq(role_type, ROLE_TYPE_LWS))
        return arena_printf(a, "%s-%d", instance, str_eq(component, "worker") ? id + 1 : id);
    return arena_strdup(a, instance);
}

int name_ordinal(const char *name, const char *parent) {
    size_t n = strlen(parent);
    if (strncmp(name, parent, n) != 0 || name[n] != '-') return -1;
    const char *digits = name + n + 1;
    if (digits[0] < '0' || digits[0] > '9' || (digits[0] == '0' && digits[1])) return -1;
    int32_t v;
    return str_to_i32(digits, &v) == 0 ? v : -1;
}

const char *name_short_hash(const char *revision) {
    const char *dash = strrchr(revision, '-');
    return dash ? dash + 1 : revision;
}

struct jv *labels_common(struct arena *a, const char *ns, const char *rbg, const char *role) {
    struct jv *l = jv_new_obj(a);
    jv_set_str(a, l, L_GROUP_NAME, rbg);
    jv_set_str(a, l, L_GROUP_UID, name_group_uid(a, ns, rbg));
    jv_set_str(a, l, L_ROLE_NAME, role);
    return l;
}
