/* The simulated API server as a program, for the test that holds it against the real one: a request in JSON on each line of stdin,
 * its answer on a line of stdout. One thread.
 *
 *   {"op": "create", "manager": M, "object": O}
 *   {"op": "apply", "manager": M, "object": O, "force": B}
 *   {"op": "merge" | "strategic" | "json", "manager": M, "kind": K, "namespace": N, "name": S, "patch": P, "status": B}
 *   {"op": "delete", "kind": K, "namespace": N, "name": S, "uid": U, "resourceVersion": R, "policy": P}
 *   {"op": "get", "kind": K, "namespace": N, "name": S}
 *   {"op": "collect"}                          the garbage collector, until it has nothing to do; "collected": it had something
 *
 * Answers: {"code": HTTP status, "message": M, "object": the object as it is now, if there is one}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "sim/cluster.h"

struct served { struct cluster *c; const struct jv *q; enum kind k; const char *ns, *name, *manager, *op; bool collected; };

static int patch_type(const char *op) {
    return str_eq(op, "merge") ? PATCH_MERGE : str_eq(op, "strategic") ? PATCH_STRATEGIC : str_eq(op, "json") ? PATCH_JSON : -1;
}

static int serve(struct served *s, struct err *e) {
    const struct jv *object = jv_get(s->q, "object");
    int type = patch_type(s->op);
    if (type >= 0)
        return cluster_patch_as(s->c, s->manager, s->k, s->ns, s->name, (enum patch_type)type, jv_get(s->q, "patch"),
                                jv_get_bool(s->q, "status", false), e);
    if (str_eq(s->op, "create")) return cluster_create(s->c, s->manager, s->k, object, e);
    if (str_eq(s->op, "apply")) return cluster_apply(s->c, s->manager, s->k, object, jv_get_bool(s->q, "force", false), e);
    if (str_eq(s->op, "delete"))
        return cluster_delete_as(s->c, s->k, s->ns, s->name,
                                 &(struct cluster_deletion){.uid = jv_get_str(s->q, "uid"),
                                                            .version = jv_get_str(s->q, "resourceVersion"),
                                                            .policy = jv_get_str(s->q, "policy")},
                                 e);
    for (int i = 0; str_eq(s->op, "collect") && i < 100 && cluster_collect(s->c) > 0; i++) s->collected = true;
    return 0;
}

static struct jv *answer(struct arena *a, struct cluster *c, const struct jv *q) {
    const struct jv *object = jv_get(q, "object");
    struct err e = ERR_INIT;
    struct served s = {.c = c, .q = q, .op = jv_str(jv_get(q, "op"), ""), .manager = jv_str(jv_get(q, "manager"), "")};
    s.k = object ? kind_of(object) : kind_by_name(jv_str(jv_get(q, "kind"), ""));
    s.ns = object ? meta_ns(object) : jv_get_str(q, "namespace");
    s.name = object ? meta_name(object) : jv_str(jv_get(q, "name"), "");
    int rc = serve(&s, &e);
    struct jv *out = jv_new_obj(a);
    jv_set_int(a, out, "code", rc == 0 ? 200 : e.http ? e.http : err_http(e.code));
    if (s.collected) jv_set_bool(a, out, "collected", true);
    jv_set_str(a, out, "message", rc == 0 ? NULL : e.msg);
    if (s.k != KIND_NONE && *s.name) jv_set(a, out, "object", cluster_get(c, a, s.k, s.ns, s.name));
    return out;
}

int main(void) {
    struct clock *clock = clock_fake_new(1767225600000);
    struct cluster *c = cluster_new(clock);
    char *line = NULL;
    size_t cap = 0;
    int rc = EXIT_SUCCESS;
    for (ssize_t n; rc == EXIT_SUCCESS && (n = getline(&line, &cap, stdin)) > 0;) {
        ARENA_AUTO struct arena *a = arena_new();
        struct err e = ERR_INIT;
        const struct jv *q = json_parse(a, line, (size_t)n, NULL, &e);
        if (!q) fprintf(stderr, "e2e_sim: %s\n", e.msg);
        if (!q || puts(json_text(a, answer(a, c, q))) < 0 || fflush(stdout)) rc = EXIT_FAILURE;
    }
    free(line);
    cluster_free(c);
    clock_fake_free(clock);
    return rc;
}
