/* The table of kinds, the paths that follow from it, and the rows of all field tables. */
#include <string.h>

#include "api/kinds.h"
#include "api/model.h"
#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "testing.h"

START_TEST(kinds_rows_are_complete) {
    ARENA_AUTO struct arena *a = arena_new();
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info(k);
        ck_assert_int_eq(i->kind, k);
        ck_assert_ptr_nonnull(i->plural);
        ck_assert_ptr_nonnull(i->singular);
        const char *want = *i->group ? arena_printf(a, "%s/%s", i->group, i->version) : i->version;
        ck_assert_str_eq(kind_api_version(k), want);
        ck_assert_str_eq(i->list, arena_printf(a, "%sList", i->name));
        ck_assert_int_eq(kind_find(i->group, i->name), k);
        if (i->ours) ck_assert_ptr_nonnull(kind_version(k, i->version));
    }
    ck_assert_int_eq(kind_find("apps", "Pod"), KIND_NONE);
    ck_assert_int_eq(kind_find("app", "Deployment"), KIND_NONE);
    ck_assert_int_eq(kind_by_name("RoleInstance"), KIND_RI);
    ck_assert_int_eq(kind_by_name("Nothing"), KIND_NONE);
    ck_assert_ptr_null(kind_version(KIND_RIS, "v1alpha1"));
}
END_TEST

START_TEST(kinds_are_read_off_documents) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct { const char *version, *kind; enum kind want; } rows[] = {
        {"v1", "Pod", KIND_POD}, {"v2", "Pod", KIND_POD}, {"apps/v1", "Pod", KIND_NONE}, {"/v1", "Pod", KIND_POD},
        {"workloads.x-k8s.io/v1alpha1", "RoleInstance", KIND_RI}, {"workloads.x-k8s.io/v9", "RoleInstance", KIND_RI},
        {"workloads.x-k8s.io", "RoleInstance", KIND_NONE}, {"workloads/v1alpha1", "RoleInstance", KIND_NONE},
        {"workloads.x-k8s.ioo/v1alpha1", "RoleInstance", KIND_NONE}, {NULL, "Pod", KIND_POD}, {"v1", NULL, KIND_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jv *doc = jv_new_obj(a);
        jv_set_str(a, doc, "apiVersion", rows[i].version);
        jv_set_str(a, doc, "kind", rows[i].kind);
        ck_assert_int_eq(kind_of(doc), rows[i].want);
    }
    ck_assert_int_eq(kind_of(NULL), KIND_NONE);
}
END_TEST

START_TEST(kinds_have_one_storage_version) {
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info(k);
        int storage = 0;
        for (size_t v = 0; v < i->nversions; v++) {
            storage += i->versions[v].storage;
            ck_assert(i->versions[v].deprecated == str_eq(i->versions[v].name, "v1alpha1"));
        }
        ck_assert_int_eq(storage, i->ours ? 1 : 0);
    }
}
END_TEST

START_TEST(kinds_paths) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(kind_path(a, KIND_POD, "n", "p", "status"), "/api/v1/namespaces/n/pods/p/status");
    ck_assert_str_eq(kind_path(a, KIND_RIS, "n", "../../../../api/v1/namespaces/other/configmaps/x?force=true&a=", NULL),
                     "/apis/workloads.x-k8s.io/v1alpha2/namespaces/n/roleinstancesets/"
                     "%2E%2E%2F%2E%2E%2F%2E%2E%2F%2E%2E%2Fapi%2Fv1%2Fnamespaces%2Fother%2Fconfigmaps%2Fx%3Fforce%3Dtrue%26a%3D");
    ck_assert_str_eq(kind_path(a, KIND_POD, "n", "x/status", NULL), "/api/v1/namespaces/n/pods/x%2Fstatus");
    ck_assert_str_eq(kind_path(a, KIND_POD, "n", "..", NULL), "/api/v1/namespaces/n/pods/%2E%2E");
    ck_assert_str_eq(kind_path(a, KIND_POD, "n", "a.b-c", NULL), "/api/v1/namespaces/n/pods/a.b-c");
    ck_assert_str_eq(kind_path(a, KIND_POD, NULL, NULL, NULL), "/api/v1/pods");
    ck_assert_str_eq(kind_path(a, KIND_POD, NULL, NULL, "status"), "/api/v1/pods");
    ck_assert_str_eq(kind_path(a, KIND_RBG, "n", "g", NULL),
                     "/apis/workloads.x-k8s.io/v1alpha2/namespaces/n/rolebasedgroups/g");
    ck_assert_str_eq(kind_path(a, KIND_PROFILE, "ignored", "p", NULL),
                     "/apis/workloads.x-k8s.io/v1alpha2/clusterengineruntimeprofiles/p");
}
END_TEST

START_TEST(kinds_objects_and_owner_references) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = kind_object(a, KIND_RIS, "n", "web-r");
    ck_assert_str_eq(json_text(a, doc),
                     "{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleInstanceSet\","
                     "\"metadata\":{\"name\":\"web-r\",\"namespace\":\"n\"}}");
    jv_set_str(a, jv_get(doc, "metadata"), "uid", "u-1");
    struct jv *plain = kind_owner_ref(a, KIND_RIS, doc, false, true);
    ck_assert_ptr_null(jv_get(plain, "controller"));
    struct jv *child = kind_object(a, KIND_POD, "n", "p");
    struct jv *refs = jv_need_arr(a, jv_get(child, "metadata"), "ownerReferences");
    jv_push(a, refs, plain);
    ck_assert_ptr_null(meta_controller(child));
    jv_push(a, refs, kind_owner_ref(a, KIND_RIS, doc, true, true));
    ck_assert_str_eq(jv_get_str(meta_controller(child), "uid"), "u-1");
    ck_assert(meta_owned_by(child, "u-1"));
    ck_assert(!meta_owned_by(child, "u-2"));
}
END_TEST

START_TEST(kinds_metadata_of_nothing_is_empty) {
    ck_assert_str_eq(meta_name(NULL), "");
    ck_assert_str_eq(meta_uid(NULL), "");
    ck_assert_int_eq(meta_generation(NULL), 0);
    ck_assert(!meta_deleting(NULL));
    ck_assert_ptr_null(meta_label(NULL, "x"));
    ck_assert_ptr_null(meta_controller(NULL));
}
END_TEST

/* ---- every row of every table ---- */

static size_t member_size(const struct field *f) {
    bool opt = f->flags & (FF_POINTER | FF_OPT);
    switch (f->kind) {
    case F_BOOL: return opt ? sizeof(struct optbool) : sizeof(bool);
    case F_INT32: return opt ? sizeof(struct opt32) : sizeof(int32_t);
    case F_INT64: return sizeof(int64_t);
    case F_OBJECT: return f->type && f->type->size ? f->type->size : sizeof(void *);
    case F_LIST:
        if (f->elem == F_STRING || (f->elem == F_OBJECT && f->type && f->type->size))
            return sizeof(struct strs);
        return sizeof(void *);
    default: return sizeof(void *);
    }
}

/* Rows fill members of their own, inside the struct, that hold what the kind of the row needs. */
static void check_offsets(const struct type *t) {
    unsigned char *used = calloc(1, t->size);
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (f->off == FIELD_SKIP) continue;
        size_t n = member_size(f);
        ck_assert_msg(f->off + n <= t->size, "%s.%s ends outside its struct", t->name, f->key);
        for (size_t b = f->off; b < f->off + n; b++) {
            ck_assert_msg(!used[b], "%s.%s overlaps another row", t->name, f->key);
            used[b] = 1;
        }
    }
    free(used);
}

/* A default must have the type that its row has, and be among the values that it allows. */
static void check_default(const struct type *t, const struct field *f) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = doc_json(a, f->dflt);
    static const enum jtype wants[] = {[F_STRING] = J_STR, [F_BOOL] = J_BOOL, [F_INT32] = J_NUM,
                                       [F_INT64] = J_NUM, [F_INTSTR] = J_NUM, [F_OBJECT] = J_OBJ};
    ck_assert_msg(f->kind != F_LIST && f->kind != F_MAP && jv_is(v, wants[f->kind]), "%s.%s: %s",
                  t->name, f->key, f->dflt);
    if (!f->enums) return;
    const char *at = strstr(f->enums, v->s);
    ck_assert_msg(at && (at == f->enums || at[-1] == '|') && strchr("|", at[v->len]),
                  "%s.%s: %s is none of %s", t->name, f->key, f->dflt, f->enums);
}

/* Structural schemas want the keys of a map list required or defaulted. */
static void check_list_keys(const struct type *t, const struct field *f) {
    ARENA_AUTO struct arena *a = arena_new();
    char *keys = arena_strdup(a, f->list_keys);
    for (char *save = NULL, *key = strtok_r(keys, ",", &save); key; key = strtok_r(NULL, ",", &save)) {
        const struct field *k = type_field(f->type, key);
        ck_assert_msg(k && (k->dflt || (k->flags & FF_REQUIRED)), "%s.%s[].%s", t->name, f->key, key);
    }
}

static void check_type(const struct type *t, bool ours, int depth) {
    ck_assert_msg(depth < 40, "%s contains itself", t->name);
    if (t->size) check_offsets(t);
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        bool described = f->desc || str_eq(f->key, "metadata");
        ck_assert_msg(described == ours || str_eq(f->key, "metadata"), "%s.%s: description", t->name, f->key);
        ck_assert_msg(type_field(t, f->key) == f, "%s.%s twice", t->name, f->key);
        if (f->dflt) check_default(t, f);
        if (f->list_keys) check_list_keys(t, f);
        bool core = ours && f->type && f->type->nfields && !f->type->desc;
        if (f->type) check_type(f->type, ours && !core, depth + 1);
    }
}

START_TEST(kinds_tables_are_sound) {
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++)
        for (size_t v = 0; v < kind_info(k)->nversions; v++)
            check_type(kind_info(k)->versions[v].type, true, 0);
}
END_TEST

TEST_MAIN("kinds", kinds_rows_are_complete, kinds_are_read_off_documents, kinds_have_one_storage_version, kinds_paths,
          kinds_objects_and_owner_references, kinds_metadata_of_nothing_is_empty, kinds_tables_are_sound)
