/* The load of `hack/bench.sh scale`: either creates groups and watches them become ready, or only creates as many pods as they
 * have, for comparison. Prints one JSON object. Uses the project's own client, with 16 requests in flight.
 *
 *   bench-scale groups KUBECONFIG NAMESPACE GROUPS ROLES REPLICAS
 *   bench-scale raw KUBECONFIG NAMESPACE PODS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "base/sync.h"
#include "controller/core/plan.h"
#include "kube/client.h"

#define IN_FLIGHT 16
#define GIVE_UP_MS 600000

static const char container[] = "{\"name\":\"main\",\"image\":\"registry.example.com/engine:1\",\"ports\":[{\"name\":\"http\","
                                "\"containerPort\":8000,\"protocol\":\"TCP\"}],\"resources\":{\"requests\":{\"cpu\":\"10m\"}}}";

/* What a watch counts: objects seen, and objects with condition Ready. */
struct count {
    struct kube *kube;
    const char *path;
    size_t want;
    struct map *seen, *ready; /* by name; of the watching thread */
    volatile bool stop;
    int64_t all_ms, ready_ms; /* when the last was seen or got ready; 0: not yet */
    pthread_t thread;
};

static int on_line(void *ctx, char *text, size_t len) {
    struct count *c = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    const struct jv *event = json_parse_insitu(a, text, len, NULL, &e), *o = jv_get(event, "object");
    const char *type = jv_str(jv_get(event, "type"), ""), *name = meta_name(o);
    if (str_eq(type, "BOOKMARK") || !*name) return 0;
    map_put(c->seen, name, c);
    if (condition_true(jv_path(o, "status", "conditions", (char *)0), "Ready")) map_put(c->ready, name, c);
    int64_t now = clock_mono_ms(clock_real());
    if (!c->all_ms && map_len(c->seen) >= c->want) c->all_ms = now;
    if (!c->ready_ms && map_len(c->ready) >= c->want) c->ready_ms = now;
    return c->ready_ms != 0;
}

static void *watch(void *arg) {
    struct count *c = arg;
    while (!c->ready_ms && !c->stop) {
        struct err e = ERR_INIT;
        if (kube_watch(c->kube, c->path, "watch=true", 600000, &c->stop, on_line, c, &e)) fprintf(stderr, "watch: %s\n", e.msg);
    }
    return NULL;
}

static void count_start(struct count *c) {
    c->seen = map_new();
    c->ready = map_new();
    c->thread = thread_start("watch", watch, c);
}

static int count_wait(struct count *c, int64_t deadline) {
    while (!c->ready_ms && clock_mono_ms(clock_real()) < deadline) {
        struct timespec t = {0, 20000000};
        nanosleep(&t, NULL);
    }
    c->stop = true;
    pthread_join(c->thread, NULL);
    if (c->ready_ms) return 0;
    fprintf(stderr, "%s: %zu of %zu seen, %zu ready when time was up\n", c->path, map_len(c->seen), c->want, map_len(c->ready));
    return -1;
}

static char *group_body(struct arena *a, const char *ns, int i, int roles, int replicas) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, "{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleBasedGroup\",\"metadata\":{\"name\":\"g%d\","
                   "\"namespace\":\"%s\"},\"spec\":{\"roles\":[", i, ns);
    for (int r = 0; r < roles; r++)
        buf_printf(&b, "%s{\"name\":\"r%d\",\"replicas\":%d,\"standalonePattern\":{\"template\":{\"spec\":{\"containers\":[%s]}}}}",
                   r ? "," : "", r, replicas, container);
    buf_puts(&b, "]}}");
    return arena_strdup(a, buf_str(&b));
}

static char *pod_body(struct arena *a, const char *ns, int i) {
    return arena_printf(a, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%d\",\"namespace\":\"%s\"},"
                           "\"spec\":{\"containers\":[%s]}}",
                        i, ns, container);
}

static int create_all(struct kube *k, struct arena *a, const char *path, char *const *bodies, size_t n) {
    struct kube_job *jobs = ARENA_ARRAY(a, n, struct kube_job);
    for (size_t i = 0; i < n; i++)
        jobs[i].q = (struct kube_request){.method = "POST", .path = path, .body = bodies[i], .len = strlen(bodies[i]),
                                          .timeout_ms = 120000};
    kube_do_all(k, jobs, n, IN_FLIGHT, false);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].rc) fprintf(stderr, "%s\n", jobs[i].e.msg);
        rc |= jobs[i].rc;
        buf_fini(&jobs[i].r.body);
    }
    return rc;
}

static int run_groups(struct kube *k, struct arena *a, const char *ns, int groups, int roles, int replicas) {
    struct count pods = {.kube = k, .path = kind_path(a, KIND_POD, ns, NULL, NULL), .want = (size_t)(groups * roles * replicas)};
    struct count rbgs = {.kube = k, .path = kind_path(a, KIND_RBG, ns, NULL, NULL), .want = (size_t)groups};
    char **bodies = ARENA_ARRAY(a, (size_t)groups, char *);
    for (int i = 0; i < groups; i++) bodies[i] = group_body(a, ns, i, roles, replicas);
    count_start(&pods);
    count_start(&rbgs);
    int64_t start = clock_mono_ms(clock_real());
    int rc = create_all(k, a, rbgs.path, bodies, (size_t)groups);
    rc |= count_wait(&pods, start + GIVE_UP_MS) | count_wait(&rbgs, start + GIVE_UP_MS);
    printf("{\"pods\":%zu,\"created_s\":%.2f,\"ready_s\":%.2f,\"groups_ready_s\":%.2f}\n", pods.want,
           (double)(pods.all_ms - start) / 1e3, (double)(pods.ready_ms - start) / 1e3, (double)(rbgs.ready_ms - start) / 1e3);
    return rc;
}

static int run_raw(struct kube *k, struct arena *a, const char *ns, int n) {
    struct count pods = {.kube = k, .path = kind_path(a, KIND_POD, ns, NULL, NULL), .want = (size_t)n};
    char **bodies = ARENA_ARRAY(a, (size_t)n, char *);
    for (int i = 0; i < n; i++) bodies[i] = pod_body(a, ns, i);
    count_start(&pods);
    int64_t start = clock_mono_ms(clock_real());
    int rc = create_all(k, a, pods.path, bodies, (size_t)n);
    rc |= count_wait(&pods, start + GIVE_UP_MS);
    printf("{\"raw_created_s\":%.2f,\"raw_ready_s\":%.2f}\n", (double)(pods.all_ms - start) / 1e3,
           (double)(pods.ready_ms - start) / 1e3);
    return rc;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    bool groups = argc == 7 && str_eq(argv[1], "groups"), raw = argc == 5 && str_eq(argv[1], "raw");
    if (!groups && !raw) {
        fputs("usage: bench-scale groups KUBECONFIG NAMESPACE GROUPS ROLES REPLICAS | raw KUBECONFIG NAMESPACE PODS\n", stderr);
        return 2;
    }
    struct kube_config *config = kube_config_load(argv[2], NULL, &e);
    struct kube *k = config ? kube_new(config, &(struct kube_opts){.user_agent = "bench-scale"}, &e) : NULL;
    if (!k) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    int rc = groups ? run_groups(k, a, argv[3], atoi(argv[4]), atoi(argv[5]), atoi(argv[6]))
                    : run_raw(k, a, argv[3], atoi(argv[4]));
    kube_free(k);
    kube_config_free(config);
    return rc ? 1 : 0;
}
