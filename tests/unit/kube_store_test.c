#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "docs.h"
#include "kube/store.h"

static struct jv *pod(struct arena *a, const char *ns, const char *name, const char *rv, const char *group) {
    return doc_json(a, arena_printf(a,
        "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\",\"uid\":\"u-%s\",\"resourceVersion\":\"%s\",\"generation\":3,"
        "\"labels\":{\"group\":\"%s\"},\"managedFields\":[{\"manager\":\"x\"}],\"ownerReferences\":["
        "{\"uid\":\"other\",\"kind\":\"B\",\"name\":\"b\"},"
        "{\"uid\":\"own-%s\",\"kind\":\"RoleInstance\",\"name\":\"ri\",\"controller\":true}]},\"spec\":{\"n\":1}}",
        ns, name, name, rv, group, group));
}

static void by_group(const struct jv *doc, void (*add)(void *, const char *), void *ctx) {
    char key[128];
    snprintf(key, sizeof key, "g/%s", jv_get_str(jv_path(doc, "metadata", "labels", (char *)0), "group"));
    add(ctx, key);
    add(ctx, key); /* a doubled key must not confuse the index */
}

START_TEST(test_object_carries_what_callers_ask_for) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct kobj *o = kobj_new(pod(a, "ns", "p", "12", "g"));
    ck_assert_str_eq(o->ns, "ns");
    ck_assert_str_eq(o->name, "p");
    ck_assert_str_eq(o->uid, "u-p");
    ck_assert_str_eq(o->rv, "12");
    ck_assert_str_eq(o->owner_uid, "own-g");
    ck_assert_str_eq(o->owner_kind, "RoleInstance");
    ck_assert_str_eq(o->owner_name, "ri");
    ck_assert_int_eq(o->generation, 3);
    ck_assert(!o->deleting);
    ck_assert_uint_eq(strlen(o->text), o->len);
    ck_assert(jv_eq(kobj_doc(a, o), pod(a, "ns", "p", "12", "g")));
    kobj_ref(o);
    kobj_unref(o);
    kobj_unref(o);
}
END_TEST

START_TEST(test_absent_members_are_empty_strings) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = jv_new_obj(a);
    jv_set_str(a, jv_need_obj(a, doc, "metadata"), "deletionTimestamp", "2026-01-01T00:00:00Z");
    const struct kobj *o = kobj_new(doc);
    ck_assert_str_eq(o->ns, "");
    ck_assert_str_eq(o->owner_uid, "");
    ck_assert(o->deleting);
    kobj_unref(o);
}
END_TEST

START_TEST(test_get_and_put) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, NULL);
    ck_assert_ptr_null(store_get(s, a, "ns", "p"));
    store_put(s, pod(a, "ns", "p", "10", "g"));
    const struct kobj *o = store_get(s, a, "ns", "p");
    ck_assert_ptr_nonnull(o);
    ck_assert_ptr_null(strstr(o->text, "managedFields"));
    ck_assert_uint_eq(store_len(s), 1);
    ck_assert_uint_gt(store_bytes(s), o->len);
    store_delete(s, "ns", "nobody");
    store_delete(s, "ns", "p");
    ck_assert_uint_eq(store_len(s), 0);
    ck_assert_uint_eq(store_bytes(s), 0);
    ck_assert_str_eq(o->name, "p"); /* still referenced by the arena */
    store_free(s);
    ck_assert_str_eq(o->rv, "10");
}
END_TEST

START_TEST(test_older_version_does_not_replace) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", NULL, NULL);
    store_put(s, pod(a, "ns", "p", "100", "g"));
    store_put(s, pod(a, "ns", "p", "99", "g")); /* as text "99" is larger */
    ck_assert_str_eq(store_get(s, a, "ns", "p")->rv, "100");
    store_put(s, pod(a, "ns", "p", "101", "g"));
    ck_assert_str_eq(store_get(s, a, "ns", "p")->rv, "101");
    store_free(s);
}
END_TEST

static size_t list(struct store *s, struct arena *a, const char *key, char *names) {
    const struct kobj **objs;
    size_t n = store_list(s, a, key, &objs);
    names[0] = '\0';
    for (size_t i = 0; i < n; i++) sprintf(names + strlen(names), "%s/%s ", objs[i]->ns, objs[i]->name);
    return n;
}

START_TEST(test_indexes_follow_the_object) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, NULL);
    char names[256];
    store_put(s, pod(a, "b", "x", "1", "g1"));
    store_put(s, pod(a, "a", "z", "1", "g1"));
    store_put(s, pod(a, "a", "y", "1", "g2"));
    ck_assert_uint_eq(list(s, a, NULL, names), 3);
    ck_assert_str_eq(names, "a/y a/z b/x ");
    ck_assert_uint_eq(list(s, a, "g/g1", names), 2);
    ck_assert_str_eq(names, "a/z b/x ");
    ck_assert_uint_eq(list(s, a, "n/a", names), 2);
    ck_assert_uint_eq(list(s, a, "o/own-g1", names), 2);
    ck_assert_uint_eq(list(s, a, "o/other", names), 3);
    store_put(s, pod(a, "a", "z", "2", "g2"));
    ck_assert_uint_eq(list(s, a, "g/g1", names), 1);
    ck_assert_uint_eq(list(s, a, "g/g2", names), 2);
    ck_assert_str_eq(names, "a/y a/z ");
    store_delete(s, "b", "x");
    ck_assert_uint_eq(list(s, a, "g/g1", names), 0);
    ck_assert_uint_eq(list(s, a, "n/b", names), 0);
    ck_assert_uint_eq(list(s, a, "no such key", names), 0);
    store_free(s);
}
END_TEST

struct changes {
    char log[512];
};

static void on_change(void *ctx, struct store *s, const struct kobj *old_obj, const struct kobj *new_obj) {
    struct changes *c = ctx;
    (void)store_len(s); /* would hang if the lock were held */
    const struct kobj *o = new_obj ? new_obj : old_obj;
    sprintf(c->log + strlen(c->log), "%c%s@%s ", !old_obj ? '+' : !new_obj ? '-' : '~', o->name, o->rv);
}

START_TEST(test_replace_tells_only_what_changed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, NULL);
    struct changes c = {""};
    store_on_change(s, on_change, &c);
    ck_assert(!store_synced(s));
    struct jv *first[] = {pod(a, "n", "b", "1", "g"), pod(a, "n", "a", "2", "g"), pod(a, "n", "c", "3", "g")};
    store_replace(s, first, 3);
    ck_assert(store_synced(s));
    ck_assert_str_eq(c.log, "+b@1 +a@2 +c@3 ");
    c.log[0] = '\0';
    struct jv *second[] = {pod(a, "n", "c", "3", "g"), pod(a, "n", "b", "5", "g"), pod(a, "n", "d", "6", "g")};
    store_replace(s, second, 3);
    ck_assert_str_eq(c.log, "~b@5 +d@6 -a@2 ");
    c.log[0] = '\0';
    struct jv *restored[] = {pod(a, "n", "b", "4", "g")}; /* an older backup of the cluster */
    store_replace(s, restored, 1);
    ck_assert_str_eq(c.log, "~b@4 -d@6 -c@3 ");
    store_replace(s, NULL, 0);
    ck_assert_uint_eq(store_len(s), 0);
    store_free(s);
}
END_TEST

START_TEST(test_broken_relist_deletes_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", NULL, NULL);
    store_put(s, pod(a, "n", "a", "1", "g"));
    store_put(s, pod(a, "n", "b", "1", "g"));
    store_relist_begin(s);
    store_relist_item(s, pod(a, "n", "c", "2", "g")); /* then the connection breaks */
    ck_assert_uint_eq(store_len(s), 3);
    store_relist_begin(s);
    store_relist_item(s, pod(a, "n", "a", "1", "g"));
    store_relist_end(s);
    ck_assert_uint_eq(store_len(s), 1);
    store_free(s);
}
END_TEST

static struct jv *names_only(struct arena *a, struct jv *doc) {
    struct jv *out = jv_new_obj(a);
    jv_set(a, out, "metadata", jv_get(doc, "metadata"));
    jv_del(jv_get(doc, "metadata"), "labels");
    return out;
}

START_TEST(test_projection_is_kept_but_the_index_saw_all) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, names_only);
    char names[64];
    store_put(s, pod(a, "n", "a", "1", "g"));
    ck_assert_ptr_null(strstr(store_get(s, a, "n", "a")->text, "spec"));
    ck_assert_uint_eq(list(s, a, "g/g", names), 1);
    store_free(s);
}
END_TEST

static struct jv *ours_only(struct arena *a, struct jv *doc) {
    (void)a;
    return str_eq(jv_str(jv_path(doc, "metadata", "labels", "group", (char *)0), ""), "theirs") ? NULL : doc;
}

static int deleted;
static void count_deleted(void *ctx, struct store *s, const struct kobj *old_obj, const struct kobj *new_obj) {
    (void)ctx;
    (void)s;
    deleted += old_obj && !new_obj;
}

START_TEST(test_what_others_have_takes_no_memory) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, ours_only);
    char name[32];
    deleted = 0;
    store_on_change(s, count_deleted, NULL);
    store_put(s, pod(a, "n", "mine", "1", "g"));
    size_t bytes = store_bytes(s);
    store_relist_begin(s);
    store_relist_item(s, pod(a, "n", "mine", "1", "g"));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "p%d", i);
        if (i % 2) store_relist_item(s, pod(a, "n", name, "1", "theirs"));
        else store_put(s, pod(a, "n", name, "1", "theirs"));
    }
    store_relist_end(s);
    ck_assert_uint_eq(store_len(s), 1);
    ck_assert_uint_eq(store_bytes(s), bytes);
    store_put(s, pod(a, "n", "mine", "2", "theirs")); /* ours no longer */
    ck_assert_uint_eq(store_len(s), 0);
    ck_assert_uint_eq(store_bytes(s), 0);
    ck_assert_int_eq(deleted, 1);
    store_free(s);
}
END_TEST

START_TEST(test_many_objects_stay_sorted) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, NULL);
    char name[32], group[32];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "p%u", (i * 7919u) % 2000u);
        snprintf(group, sizeof group, "%u", i % 7);
        store_put(s, pod(a, "n", name, "1", group));
        if (i % 100 == 0) arena_reset(a);
    }
    for (unsigned i = 0; i < 2000; i += 2) {
        snprintf(name, sizeof name, "p%u", i);
        store_delete(s, "n", name);
    }
    const struct kobj **objs;
    size_t n = store_list(s, a, NULL, &objs), by_index = 0;
    ck_assert_uint_eq(n, 1000);
    for (size_t i = 1; i < n; i++) ck_assert_int_lt(strcmp(objs[i - 1]->name, objs[i]->name), 0);
    for (unsigned g = 0; g < 7; g++) {
        snprintf(group, sizeof group, "g/%u", g);
        by_index += store_list(s, a, group, &objs);
    }
    ck_assert_uint_eq(by_index, 1000);
    store_free(s);
}
END_TEST

static bool reading;

static void *reader(void *arg) {
    struct store *s = arg;
    struct arena *a = arena_new();
    while (__atomic_load_n(&reading, __ATOMIC_RELAXED)) {
        const struct kobj **objs;
        size_t n = store_list(s, a, "n/n", &objs);
        for (size_t i = 0; i < n; i++)
            ck_assert_str_eq(jv_get_str(jv_get(kobj_doc(a, objs[i]), "metadata"), "name"), objs[i]->name);
        const struct kobj *o = store_get(s, a, "n", "p3");
        if (o) ck_assert_str_eq(o->uid, "u-p3");
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

START_TEST(test_readers_and_the_writer_together) {
    ARENA_AUTO struct arena *a = arena_new();
    struct store *s = store_new("pods", by_group, NULL);
    pthread_t t[3];
    reading = true;
    for (size_t i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, reader, s), 0);
    for (unsigned i = 0; i < 1500; i++) {
        char name[16], rv[16];
        snprintf(name, sizeof name, "p%u", i % 10);
        snprintf(rv, sizeof rv, "%u", i + 1);
        if (i % 13 == 0) store_delete(s, "n", name);
        else store_put(s, pod(a, "n", name, rv, i % 2 ? "g1" : "g2"));
        arena_reset(a);
    }
    __atomic_store_n(&reading, false, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 3; i++) pthread_join(t[i], NULL);
    store_free(s);
}
END_TEST

TEST_MAIN("kube/store", test_object_carries_what_callers_ask_for, test_absent_members_are_empty_strings,
          test_get_and_put, test_older_version_does_not_replace, test_indexes_follow_the_object,
          test_replace_tells_only_what_changed, test_broken_relist_deletes_nothing,
          test_projection_is_kept_but_the_index_saw_all, test_what_others_have_takes_no_memory, test_many_objects_stay_sorted,
          test_readers_and_the_writer_together)
