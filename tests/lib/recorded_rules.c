/* Which differences from the recorded behaviour are acceptable. Two tables: noise, which says
 * nothing about a controller, and rules, each of which is a row of docs/compatibility.md: a
 * decision of the contract. Everything else is a failure, and so is a rule that the document does
 * not have or that no recorded case needs. */
#include <fnmatch.h>
#include <string.h>

#include "base/str.h"
#include "recorded.h"
#include "testing.h"

enum side { ANY, ONLY_RECORDED, ONLY_OURS, BOTH };

struct pattern {
    const char *rule, *scope, *object, *path;
    enum side side;
};

/* `*` also matches `/`; @(a|b) is a choice. */
static const struct pattern patterns[] = {
    {"exclusive-topology-label", "09-*", "*", "*/labels/rbg.workloads.x-k8s.io~1group-unique-hash",
     ONLY_OURS},
    {"identity-labels", "*", "RoleInstance/*",
     "/spec/components/*/labels/rbg.workloads.x-k8s.io~1role-instance-index", ANY},
    {"identity-labels", "*", "RoleInstance/*",
     "/spec/components/*/labels/statefulset.kubernetes.io~1pod-name", ANY},
    {"instance-labels", "*/2", "RoleInstance/*",
     "/metadata/labels/rbg.workloads.x-k8s.io~1role-revision-*", BOTH},
    {"discovery-addresses", "@(02|03|04|05|07|09|11|14)-*", "ConfigMap/*",
     "/data/config.yaml/roles/*/instances/*/address", BOTH},
    {"discovery-addresses", "@(04|11)-*", "ConfigMap/*",
     "/data/config.yaml/roles/*/instances/*/address", ONLY_OURS},
    {"service-annotations", "01-*", "Service/*", "/metadata/annotations/role-note", ONLY_RECORDED},
    {"configmap-label", "*", "ConfigMap/*", "/metadata/labels/rbg.workloads.x-k8s.io~1group-name",
     ONLY_OURS},
    {"inject-containers", "10-*", "RoleInstanceSet/*",
     "/spec/roleInstanceTemplate/components/0/template/spec/containers/2/*", ONLY_RECORDED},
};

#define WITH_PODS "@(Pod|StatefulSet|Deployment|LeaderWorkerSet)/*"

/* What says nothing, whatever either side has. */
static const struct {
    const char *object, *path;
} moments[] = {
    {"*", "/metadata/uid"},
    {"*", "/metadata/generation"},
    {"*", "/status*"},
    {"*", "/metadata/annotations/rbg.workloads.x-k8s.io~1role-instance-lifecycle-timestamp"},
    /* what containers were before an update in place: by it the end of the update is seen, which the first implementation judges
     * by the names of images */
    {"Pod/*", "/metadata/annotations/rbg.workloads.x-k8s.io~1inplace-update-before"},
    /* a revision keeps the annotations that its owner had when it was made */
    {"ControllerRevision/*", "/metadata/annotations/rbg.workloads.x-k8s.io~1role-size"},
};

/* What only the recording has, since others than the controller wrote it; recorded: JSON text,
 * NULL: any. */
struct noise {
    const char *object, *path, *recorded;
};

static const struct noise noises[] = {
    /* schema defaults of our own kinds */
    {"RoleInstanceSet/*", "/spec/revisionHistoryLimit", "10"},
    {"RoleInstance/*", "/spec/readyPolicy", "\"AllPodReady\""},
    /* left by updates and the port allocator after the object was made */
    {"*", "/metadata/annotations/rbg.workloads.x-k8s.io~1inplace-update-state", NULL},
    {"RoleInstance/*", "/spec/readinessGates",
     "[{\"conditionType\":\"RoleInstanceInPlaceUpdateReady\"}]"},
    {"RoleInstance*/*", "/metadata/annotations/*.http", NULL},
    {"RoleInstance*/*", "/metadata/annotations/*.dist", NULL},
    /* in-place scheduling, added by the controller from what it has seen run */
    {"Pod/ips-*", "/spec/affinity/nodeAffinity/*", NULL},
    /* the API server's defaults */
    {WITH_PODS, "*/terminationMessagePath", "\"/dev/termination-log\""},
    {WITH_PODS, "*/terminationMessagePolicy", "\"File\""},
    {WITH_PODS, "*/imagePullPolicy", "\"IfNotPresent\""},
    {WITH_PODS, "*/fieldRef/apiVersion", "\"v1\""},
    {WITH_PODS, "*/ports/*/protocol", "\"TCP\""},
    {WITH_PODS, "/spec/*Policy", "\"ClusterFirst\""},
    {WITH_PODS, "/spec/*restartPolicy", "\"Always\""},
    {WITH_PODS, "/spec/*schedulerName", "\"default-scheduler\""},
    {WITH_PODS, "/spec/*securityContext", "{}"},
    {WITH_PODS, "/spec/*terminationGracePeriodSeconds", "30"},
    {WITH_PODS, "/spec/volumes/*/defaultMode", "420"},
    {WITH_PODS, "/spec/template/spec/volumes/*/defaultMode", "420"},
    {WITH_PODS, "/spec/*Probe/timeoutSeconds", "1"},
    {WITH_PODS, "/spec/*Probe/periodSeconds", "10"},
    {WITH_PODS, "/spec/*Probe/successThreshold", "1"},
    {WITH_PODS, "/spec/*Probe/failureThreshold", "3"},
    {WITH_PODS, "/spec/*Probe/httpGet/scheme", "\"HTTP\""},
    {"Pod/*", "/spec/containers/*/resources/requests/*", NULL}, /* from the limits */
    {"Pod/*", "*/volumeMounts", "[]"}, /* the token volume is not recorded */
    {"Pod/*", "/spec/volumes", "[]"},
    {"Pod/*", "/spec/enableServiceLinks", "true"},
    {"Pod/*", "/spec/nodeName", NULL},
    {"Pod/*", "/spec/preemptionPolicy", "\"PreemptLowerPriority\""},
    {"Pod/*", "/spec/priority", "0"},
    {"Pod/*", "/spec/serviceAccount", "\"default\""},
    {"Pod/*", "/spec/serviceAccountName", "\"default\""},
    {"Pod/*", "/spec/tolerations/*", NULL},
    {"Pod/*", "/spec/tolerations", NULL},
    {"Service/*", "/spec/internalTrafficPolicy", "\"Cluster\""},
    {"Service/*", "/spec/ipFamil*", NULL},
    {"Service/*", "/spec/sessionAffinity", "\"None\""},
};

struct rules {
    struct arena *a;
    const char *doc;
    bool used[sizeof patterns / sizeof *patterns];
    bool known[sizeof patterns / sizeof *patterns];
};

static bool glob(const char *pattern, const char *text) {
    return fnmatch(pattern, text, FNM_NOESCAPE | FNM_EXTMATCH) == 0;
}

/* The cluster IP of a Service is never recorded. */
bool rules_noise(const struct difference *d) {
    if (str_has_prefix(d->object, "Service/") && str_eq(d->path, "/spec/clusterIP") && !d->recorded)
        return true;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        if (glob(moments[i].object, d->object) && glob(moments[i].path, d->path)) return true;
    for (size_t i = 0; !d->ours && i < sizeof noises / sizeof *noises; i++) {
        const struct noise *n = &noises[i];
        if (glob(n->object, d->object) && glob(n->path, d->path) &&
            (!n->recorded || str_eq(n->recorded, d->recorded)))
            return true;
    }
    return false;
}

static bool on_side(enum side side, const struct difference *d) {
    switch (side) {
    case ONLY_RECORDED:
        return !d->ours && d->recorded;
    case ONLY_OURS:
        return d->ours && !d->recorded;
    case BOTH:
        return d->ours && d->recorded;
    default:
        return true;
    }
}

const char *rules_match(struct rules *r, const struct difference *d) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct pattern *p = &patterns[i];
        if (!r->known[i] || !on_side(p->side, d) || !glob(p->scope, d->scope) ||
            !glob(p->object, d->object) || !glob(p->path, d->path))
            continue;
        r->used[i] = true;
        return p->rule;
    }
    return NULL;
}

/* Ids are the first cells of the document's table rows. */
static bool has_row(const char *text, const char *id) {
    size_t n = strlen(id);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, "| ", 2) == 0 && strncmp(line + 2, id, n) == 0 &&
            strncmp(line + 2 + n, " |", 2) == 0)
            return true;
    }
    return false;
}

struct rules *recorded_rules(struct arena *a, const char *doc) {
    struct rules *r = ARENA_NEW(a, struct rules);
    const char *text = testing_read(a, doc, NULL);
    r->a = a;
    r->doc = doc;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        r->known[i] = has_row(text, patterns[i].rule);
    return r;
}

const char *recorded_rules_problem(struct arena *a, const struct rules *r) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct pattern *p = &patterns[i];
        if (!r->known[i]) return arena_printf(a, "%s has no row \"%s\"", r->doc, p->rule);
        if (!r->used[i])
            return arena_printf(a, "rule %s (%s %s %s): no recorded case needs it", p->rule,
                                p->scope, p->object, p->path);
    }
    return NULL;
}
