/* What --restrict-profiles refuses: whoever writes a ClusterEngineRuntimeProfile puts containers and volumes into the pods of every
 * group that uses it, with the rights of those pods' namespaces. Host paths, privileges and Secrets would be more than he has.
 * Volumes are allowed by their type, so one that Kubernetes gets later is refused; of containers what is known is refused.
 * Pure: a document in, an error out. */
#include "base/str.h"
#include "template_internal.h"

static bool among(const char *s, const char *const *list) {
    for (; *list; list++)
        if (str_eq(s, *list)) return true;
    return false;
}

/* A member of the object that is none of the allowed ones, or NULL. */
static const char *other_member(const struct jv *o, const char *const *allowed) {
    JV_FOR_OBJ (m, o)
        if (!among(m->key, allowed)) return m->key;
    return NULL;
}

static int refuse(struct err *e, const char *where, const char *name, const char *what) {
    return err_set(e, ERR_INVALID, "%s \"%s\" has %s, which --restrict-profiles refuses; take it out of the profile", where,
                   name ? name : "", what);
}

static int check_volume(const struct jv *v, struct err *e) {
    static const char *const types[] = {"name", "configMap", "downwardAPI", "emptyDir", "ephemeral", "image",
                                        "persistentVolumeClaim", "projected", NULL};
    static const char *const sources[] = {"configMap", "downwardAPI", NULL};
    const char *name = jv_get_str(v, "name"), *bad = other_member(v, types);
    if (bad) return refuse(e, "volume", name, bad);
    JV_FOR_ARR (it, jv_path(v, "projected", "sources", (char *)0))
        if ((bad = other_member(*it, sources))) return refuse(e, "volume", name, bad);
    return 0;
}

static const char *added_capability(const struct jv *context) {
    JV_FOR_ARR (it, jv_path(context, "capabilities", "add", (char *)0))
        if (!str_eq(jv_str(*it, ""), "NET_BIND_SERVICE")) return "added capabilities";
    return NULL;
}

static bool unconfined(const struct jv *context, const char *profile) {
    return str_eq(jv_get_str(jv_get(context, profile), "type"), "Unconfined");
}

static const char *privilege(const struct jv *context) {
    const char *proc = jv_get_str(context, "procMount");
    if (jv_get_bool(context, "privileged", false)) return "privileged";
    if (jv_get_bool(context, "allowPrivilegeEscalation", false)) return "allowPrivilegeEscalation";
    if (jv_get_bool(jv_get(context, "windowsOptions"), "hostProcess", false)) return "hostProcess";
    if (unconfined(context, "seccompProfile") || unconfined(context, "appArmorProfile")) return "an Unconfined profile";
    if (jv_get(context, "seLinuxOptions")) return "seLinuxOptions";
    if (proc && !str_eq(proc, "Default")) return "procMount";
    return added_capability(context);
}

static const char *secret_or_host(const struct jv *c) {
    JV_FOR_ARR (it, jv_get(c, "env"))
        if (jv_path(*it, "valueFrom", "secretKeyRef", (char *)0)) return "secretKeyRef";
    JV_FOR_ARR (it, jv_get(c, "envFrom"))
        if (jv_get(*it, "secretRef")) return "secretRef";
    JV_FOR_ARR (it, jv_get(c, "ports"))
        if (jv_int(jv_get(*it, "hostPort"), 0)) return "hostPort";
    return NULL;
}

static int check_containers(const struct jv *list, struct err *e) {
    JV_FOR_ARR (it, list) {
        const char *bad = privilege(jv_get(*it, "securityContext"));
        if (!bad) bad = secret_or_host(*it);
        if (bad) return refuse(e, "container", jv_get_str(*it, "name"), bad);
    }
    return 0;
}

int profile_limits(const struct jv *profile, struct err *e) {
    const struct jv *spec = jv_get(profile, "spec");
    if (check_containers(jv_get(spec, "initContainers"), e) || check_containers(jv_get(spec, "containers"), e)) return -1;
    JV_FOR_ARR (it, jv_get(spec, "volumes"))
        if (check_volume(*it, e)) return -1;
    return 0;
}
