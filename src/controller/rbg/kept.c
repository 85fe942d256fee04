/* What a running role keeps although it would be made otherwise today: as long as nothing of the role changes, its pods are not
 * made anew for the controllers' sake. Pure. */
#include "api/names.h"
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
