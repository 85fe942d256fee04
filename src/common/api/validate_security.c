/* Security contexts of pods and containers, and which of them a system knows. Pure. */
#include <string.h>

#include "base/str.h"
#include "doc/scalar.h"
#include "validate_place.h"

#define ID_RULE(name) {PLACE_FIELD(name), .bounded = true, .max = INT32_MAX}

/* A profile: its type, and the file that only Localhost has. */
static void check_profile(struct problems *p, const struct place *context, const char *field) {
    static const struct place_rule rules[] = {{PLACE_FIELD("type"),
                                               .needs = "write RuntimeDefault, Unconfined or "
                                                        "Localhost",
                                               .enums = "RuntimeDefault|Unconfined|Localhost"}};
    struct place at = place_field(context, field), file = place_field(&at, "localhostProfile");
    if (!place_given(&at) || place_mistyped(&at, J_OBJ)) return;
    PLACE_RULES(p, &at, rules);
    bool local = str_eq(jv_get_str(at.v, "type"), "Localhost");
    const char *wrong = str_eq(field, "seccompProfile") ? text_local_path(place_text(&file)) : NULL;
    if (local && !*place_text(&file))
        place_problem(p, &file, PROBLEM_REQUIRED, "type Localhost needs the name of a profile");
    else if (!local && place_given(&file))
        place_problem(p, &file, PROBLEM_INVALID, "only type Localhost has a profile: remove it");
    else if (wrong)
        place_problem(p, &file, PROBLEM_INVALID, "it %s", wrong);
}

/* Members that a system does not know. */
static void check_absent(struct problems *p, const struct place *at, const char *const *fields,
                         size_t n, const char *os) {
    for (size_t i = 0; i < n; i++) {
        struct place v = place_field(at, fields[i]);
        if (place_given(&v))
            place_problem(p, &v, PROBLEM_FORBIDDEN,
                          "spec.os.name is %s, which does not know it: remove one of the two", os);
    }
}

static void check_os(struct problems *p, const struct place *at, const struct place *spec,
                     bool pod) {
    static const char *const of_windows[] = {"windowsOptions"};
    static const char *const of_pods[] = {
        "appArmorProfile", "seLinuxOptions",      "seccompProfile", "fsGroup",
        "fsGroupChangePolicy", "sysctls",         "runAsUser",      "runAsGroup",
        "supplementalGroups",  "supplementalGroupsPolicy", "seLinuxChangePolicy"};
    static const char *const of_containers[] = {
        "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities",
        "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount",
        "runAsUser", "runAsGroup"};
    const char *os = jv_str(jv_path(spec->v, "os", "name", (char *)0), "");
    if (str_eq(os, "linux")) check_absent(p, at, of_windows, 1, os);
    if (!str_eq(os, "windows")) return;
    if (pod)
        check_absent(p, at, of_pods, sizeof of_pods / sizeof *of_pods, os);
    else
        check_absent(p, at, of_containers, sizeof of_containers / sizeof *of_containers, os);
}

static void check_escalation(struct problems *p, const struct place *at) {
    struct place grow = place_field(at, "allowPrivilegeEscalation");
    if (!jv_is(grow.v, J_BOOL) || grow.v->b) return;
    if (jv_get_bool(at->v, "privileged", false))
        place_problem(p, &grow, PROBLEM_INVALID,
                      "a privileged container can't give this up: remove one of the two");
    JV_FOR_ARR(it, jv_path(at->v, "capabilities", "add", (char *)0)) {
        if (!str_eq(jv_str(*it, ""), "CAP_SYS_ADMIN")) continue;
        place_problem(p, &grow, PROBLEM_INVALID,
                      "can't be given up with capability CAP_SYS_ADMIN: remove one of the two");
    }
}

void check_container_security(struct problems *p, const struct place *container,
                              const struct place *spec) {
    static const struct place_rule rules[] = {
        ID_RULE("runAsUser"), ID_RULE("runAsGroup"),
        {PLACE_FIELD("procMount"), .enums = "Default|Unmasked"}};
    struct place at = place_field(container, "securityContext"),
                 proc = place_field(&at, "procMount");
    if (!place_given(&at) || place_mistyped(&at, J_OBJ)) return;
    PLACE_RULES(p, &at, rules);
    if (str_eq(place_text(&proc), "Unmasked") && jv_get_bool(spec->v, "hostUsers", true))
        place_problem(p, &proc, PROBLEM_INVALID,
                      "Unmasked needs a user namespace: write spec.hostUsers: false");
    check_profile(p, &at, "seccompProfile");
    check_profile(p, &at, "appArmorProfile");
    check_escalation(p, &at);
    check_os(p, &at, spec, false);
}

/* Words of lower-case letters and digits, joined by dots or slashes; k8s.io/api, SysctlFmt. */
static const char *sysctl_name(const char *s) {
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char wrong[] = "must be the name of a kernel setting, such as net.core.somaxconn";
    if (strlen(s) > 253) return "must be no more than 253 characters";
    while (true) {
        size_t n = strspn(s, inner);
        if (n == 0 || strchr("-_", s[0]) || strchr("-_", s[n - 1])) return wrong;
        s += n;
        if (!*s) return NULL;
        if (*s != '.' && *s != '/') return wrong;
        s++;
    }
}

static void check_sysctls(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "name a kernel setting", .text = sysctl_name}};
    struct place list = place_field(at, "sysctls");
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place one = place_item(&list, i), name = place_field(&one, "name");
        PLACE_RULES(p, &one, rules);
        place_unique(p, &name, seen, "a kernel setting");
    }
}

static void check_user_namespace(struct problems *p, const struct place *spec) {
    static const char *const shared[] = {"hostPID", "hostIPC", "hostNetwork"};
    struct place own = place_field(spec, "hostUsers"), pid = place_field(spec, "hostPID");
    for (size_t i = 0; i < 3 && jv_is(own.v, J_BOOL) && !own.v->b; i++)
        if (jv_get_bool(spec->v, shared[i], false))
            place_problem(p, &own, PROBLEM_FORBIDDEN,
                          "a user namespace can't go with %s: remove one of the two", shared[i]);
    if (jv_bool(pid.v, false) && jv_get_bool(spec->v, "shareProcessNamespace", false))
        place_problem(p, &pid, PROBLEM_INVALID,
                      "hostPID and shareProcessNamespace can't both be true: keep one of them");
}

void check_pod_security(struct problems *p, const struct place *spec) {
    static const struct place_rule rules[] = {
        ID_RULE("runAsUser"), ID_RULE("runAsGroup"), ID_RULE("fsGroup"),
        {PLACE_FIELD("fsGroupChangePolicy"), .enums = "OnRootMismatch|Always"},
        {PLACE_FIELD("supplementalGroupsPolicy"), .enums = "Merge|Strict"},
        {PLACE_FIELD("seLinuxChangePolicy"), .enums = "MountOption|Recursive"}};
    struct place at = place_field(spec, "securityContext"),
                 groups = place_field(&at, "supplementalGroups");
    check_user_namespace(p, spec);
    if (!place_given(&at) || place_mistyped(&at, J_OBJ)) return;
    PLACE_RULES(p, &at, rules);
    for (size_t i = 0; i < place_len(&groups); i++) {
        struct place id = place_item(&groups, i);
        int64_t n = jv_int(id.v, 0);
        if (n < 0 || n > INT32_MAX)
            place_problem(p, &id, PROBLEM_INVALID, "must be from 0 to %d", INT32_MAX);
    }
    check_profile(p, &at, "seccompProfile");
    check_profile(p, &at, "appArmorProfile");
    check_sysctls(p, &at);
    check_os(p, &at, spec, true);
}
