#include "verdict.h"

#include "api/kinds.h"
#include "base/str.h"

static const struct jv *condition(const struct jv *object, const char *type) {
    return jv_find(jv_path(object, "status", "conditions", (char *)0), "type", type);
}

static bool is(const struct jv *object, const char *type, const char *status) {
    return str_eq(jv_get_str(condition(object, type), "status"), status);
}

/* The condition's own observedGeneration goes before that of the status; without either, nothing is known to be old. */
static bool outdated(const struct jv *object, const struct jv *about) {
    int64_t of_status = jv_get_int(jv_get(object, "status"), "observedGeneration", meta_generation(object));
    return jv_get_int(about, "observedGeneration", of_status) < meta_generation(object);
}

enum verdict verdict_kubectl_wait(const struct jv *object, const char *type) {
    const struct jv *c = condition(object, type);
    return c && !outdated(object, c) && is(object, type, "True") ? CURRENT : IN_PROGRESS;
}

enum verdict verdict_kstatus(const struct jv *object) {
    if (meta_deleting(object)) return IN_PROGRESS;
    if (jv_get_int(jv_get(object, "status"), "observedGeneration", meta_generation(object)) != meta_generation(object))
        return IN_PROGRESS;
    if (is(object, "Reconciling", "True")) return IN_PROGRESS;
    if (is(object, "Stalled", "True")) return FAILED;
    return !condition(object, "Ready") || is(object, "Ready", "True") ? CURRENT : IN_PROGRESS;
}

enum verdict verdict_argo(const struct jv *object) {
    if (jv_get_int(jv_get(object, "status"), "observedGeneration", 0) != meta_generation(object)) return IN_PROGRESS;
    if (is(object, "Stalled", "True")) return FAILED;
    return is(object, "Ready", "True") ? CURRENT : IN_PROGRESS;
}
