/* What a running role keeps although it would be made otherwise today: as long as nothing of the role changes, its pods are not
 * made anew for the controllers' sake. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "controller/rbg/world.h"

static bool unchanged(struct arena *a, const struct role_world *rw, const char *role_hash) {
    return rw->workload && str_eq(meta_label(rw->workload, name_role_revision_label(a, rw->role->name)), role_hash);
}

bool keeps_mount(struct arena *a, const struct role_world *rw, const char *role_hash) {
    if (!unchanged(a, rw, role_hash)) return false;
    JV_FOR_ARR(c, jv_path(rw->workload, "spec", "roleInstanceTemplate", "components", (char *)0))
        if (jv_find(jv_path(*c, "template", "spec", "volumes", (char *)0), "name", DISCOVERY_VOLUME)) return true;
    return false;
}

/* ---- profiles ---- */

/* "<hash without profiles>/<hash of the profiles>" */
static const char *made_with(const struct jv *workload) {
    return jv_str(jv_path(workload, "metadata", "annotations", A_RUNTIMES_MADE_WITH, (char *)0), NULL);
}

static char *hash_of(struct arena *a, const struct buf *text) {
    char hex[41];
    sha1_hex(buf_str(text), text->len, hex);
    return arena_strndup(a, hex, 16);
}

const char *profiles_hash(struct arena *a, const struct jv *const *profiles, size_t n) {
    static const char *const parts[] = {"initContainers", "containers", "volumes"};
    BUF_AUTO struct buf text = BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            const struct jv *part = jv_path(profiles[i], "spec", parts[k], (char *)0);
            buf_printf(&text, "%zu.%zu:", i, k);
            if (part) json_write_canonical(&text, part);
        }
    }
    return hash_of(a, &text);
}

const char *profiles_made_with(struct arena *a, const struct jv *workload) {
    const char *text = made_with(workload), *slash = text ? strchr(text, '/') : NULL;
    return slash ? arena_strdup(a, slash + 1) : NULL;
}

static const char *hash_without(struct arena *a, const char *role_hash, const struct jv *made_without) {
    BUF_AUTO struct buf text = BUF_INIT;
    buf_printf(&text, "%s:", role_hash);
    json_write_canonical(&text, jv_path(made_without, "spec", "roleInstanceTemplate", (char *)0));
    return hash_of(a, &text);
}

static void record(struct arena *a, struct jv *wanted, const char *without, const char *profiles) {
    struct jv *notes = jv_need_obj(a, jv_need_obj(a, wanted, "metadata"), "annotations");
    jv_set_str(a, notes, A_RUNTIMES_MADE_WITH, arena_printf(a, "%s/%s", without, profiles));
}

void keep_profiles(struct arena *a, const struct role_world *rw, const char *role_hash, const struct jv *made_without,
                   struct jv *wanted, bool *waits) {
    const char *now = profiles_hash(a, rw->profiles, rw->role->engine_runtimes.n);
    const char *without = hash_without(a, role_hash, made_without);
    const char *on_record = rw->workload ? made_with(rw->workload) : NULL, *before = profiles_made_with(a, rw->workload);
    const struct jv *live = jv_path(rw->workload, "spec", "roleInstanceTemplate", (char *)0);
    bool same = on_record ? str_has_prefix(on_record, arena_printf(a, "%s/", without)) : unchanged(a, rw, role_hash);
    *waits = false;
    if (!before && same && jv_eq(live, jv_path(wanted, "spec", "roleInstanceTemplate", (char *)0))) before = now;
    if (same && !before) before = "unknown"; /* made by another program, of profiles that have changed since */
    if (!same || str_eq(before, now) || (rw->profile_rolls && !rw->profile_wait_ms)) {
        record(a, wanted, without, now);
        return;
    }
    *waits = rw->profile_rolls;
    jv_set(a, jv_get(wanted, "spec"), "roleInstanceTemplate", jv_dup(a, live));
    record(a, wanted, without, before);
}
