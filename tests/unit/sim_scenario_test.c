/* Whole scenarios on the embedded cluster: groups come up, scale, lose roles, go away. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "scenario.h"

static struct sim *small(void) {
    return sim_new(&sim_opts_default);
}

START_TEST(every_example_gets_ready) {
    glob_t found;
    ck_assert_int_eq(glob(SOURCE_DIR "/examples/*.yaml", 0, NULL, &found), 0);
    ck_assert_uint_ge(found.gl_pathc, 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = small();
        struct jv **docs;
        size_t n = scenario_load(a, found.gl_pathv[i], &docs);
        for (size_t d = 0; d < n; d++) scenario_apply(s, docs[d]);
        scenario_ready(s);
        SCENARIO_CHECK(s, cluster_count(sim_cluster(s), KIND_POD) >= 2, "%s", found.gl_pathv[i]);
        sim_free(s);
    }
    globfree(&found);
}
END_TEST

TEST_MAIN("sim_scenario", every_example_gets_ready)
