/* Probes and lifecycle hooks of a container. The API server gives a probe's zeros their defaults
 * before it looks, so a zero is no mistake. Pure. */
#include "api/model.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate_place.h"

enum { GRACE_DEFAULT = 30 };

static const char *header_name(const char *s) {
    for (; *s; s++)
        if (!(*s == '-' || (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
              (*s >= 'A' && *s <= 'Z')))
            return "must consist of letters, digits or '-' (e.g. 'X-Header-Name')";
    return NULL;
}

static void check_port(struct problems *p, const struct place *at) {
    int64_t n = jv_int(at->v, -1);
    if (!place_given(at)) {
        place_problem(p, at, PROBLEM_REQUIRED, "write the number or the name of a port");
    } else if (at->v->type == J_NUM) {
        if (n < 1 || n > 65535)
            place_problem(p, at, PROBLEM_INVALID, "a port is a number from 1 to 65535");
    } else if (at->v->type == J_STR) {
        const char *wrong = name_port(at->v->s);
        if (wrong) place_problem(p, at, PROBLEM_INVALID, "the name of a port %s", wrong);
    }
}

static void check_http(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {{PLACE_FIELD("scheme"), .enums = "HTTP|HTTPS"}};
    static const struct place_rule header[] = {
        {PLACE_FIELD("name"), .needs = "a header needs a name", .text = header_name}};
    struct place port = place_field(at, "port"), headers = place_field(at, "httpHeaders");
    check_port(p, &port);
    PLACE_RULES(p, at, rules);
    for (size_t i = 0; i < place_len(&headers); i++) {
        struct place h = place_item(&headers, i);
        PLACE_RULES(p, &h, header);
    }
}

static void check_sleep(struct problems *p, const struct place *at, const struct place *spec) {
    int64_t grace = jv_get_int(spec->v, "terminationGracePeriodSeconds", GRACE_DEFAULT);
    struct place seconds = place_field(at, "seconds");
    int64_t n = jv_int(seconds.v, 0);
    if (place_mistyped(&seconds, J_NUM)) return;
    if (grace < 0) grace = 1; /* as the API server reads it */
    if (n < 0 || n > grace)
        place_problem(p, &seconds, PROBLEM_INVALID,
                      "must be from 0 to terminationGracePeriodSeconds, %lld", (long long)grace);
}

/* What is called: exactly one of them. spec NULL: a probe, which can't sleep. */
static void check_handler(struct problems *p, const struct place *at, const struct place *spec) {
    static const char *const probes[] = {"exec", "httpGet", "tcpSocket", "grpc"};
    static const char *const hooks[] = {"exec", "httpGet", "tcpSocket", "sleep"};
    static const struct place_rule grpc[] = {{PLACE_FIELD("port"),
                                              .needs = "write the number of a port",
                                              .bounded = true,
                                              .min = 1,
                                              .max = 65535}};
    const char *which = place_one_of(p, at, spec ? hooks : probes, 4, true);
    if (!which) return;
    struct place call = place_field(at, which), command = place_field(&call, "command"),
                 port = place_field(&call, "port");
    if (place_mistyped(&call, J_OBJ)) return;
    if (str_eq(which, "exec") && place_len(&command) == 0 && !place_mistyped(&command, J_ARR))
        place_problem(p, &command, PROBLEM_REQUIRED, "write what to run");
    if (str_eq(which, "httpGet")) check_http(p, &call);
    if (str_eq(which, "tcpSocket")) check_port(p, &port);
    if (str_eq(which, "grpc")) PLACE_RULES(p, &call, grpc);
    if (str_eq(which, "sleep")) check_sleep(p, &call, spec);
}

/* ready: a readiness probe, which may demand several successes and ends no container. */
static void check_probe(struct problems *p, const struct place *at, bool ready) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("initialDelaySeconds"), .bounded = true, .max = INT32_MAX},
        {PLACE_FIELD("timeoutSeconds"), .bounded = true, .max = INT32_MAX},
        {PLACE_FIELD("periodSeconds"), .bounded = true, .max = INT32_MAX},
        {PLACE_FIELD("successThreshold"), .bounded = true, .max = INT32_MAX},
        {PLACE_FIELD("failureThreshold"), .bounded = true, .max = INT32_MAX},
    };
    if (!place_given(at)) return;
    check_handler(p, at, NULL);
    PLACE_RULES(p, at, rules);
    struct place successes = place_field(at, "successThreshold"),
                 grace = place_field(at, "terminationGracePeriodSeconds");
    if (!ready && jv_int(successes.v, 0) > 1)
        place_problem(p, &successes, PROBLEM_INVALID, "must be 1 here");
    if (!place_given(&grace)) return;
    if (ready)
        place_problem(p, &grace, PROBLEM_INVALID,
                      "a readiness probe ends no container: remove it");
    else if (jv_int(grace.v, 1) < 1)
        place_problem(p, &grace, PROBLEM_INVALID, "must be at least 1");
}

static void check_lifecycle(struct problems *p, const struct place *at, const struct place *spec) {
    struct place start = place_field(at, "postStart"), stop = place_field(at, "preStop"),
                 signal = place_field(at, "stopSignal");
    if (place_given(&start)) check_handler(p, &start, spec);
    if (place_given(&stop)) check_handler(p, &stop, spec);
    if (*place_text(&signal) && !jv_path(spec->v, "os", "name", (char *)0))
        place_problem(p, &signal, PROBLEM_FORBIDDEN,
                      "a signal depends on the system: write spec.os.name too");
}

void check_probes(struct problems *p, const struct place *c, const struct place *spec, bool init) {
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    bool sidecar = str_eq(jv_get_str(c->v, "restartPolicy"), "Always");
    struct place lifecycle = place_field(c, "lifecycle");
    for (size_t i = 0; i < 3; i++) {
        struct place probe = place_field(c, probes[i]);
        if (!init || sidecar)
            check_probe(p, &probe, i == 1);
        else if (place_given(&probe))
            place_problem(p, &probe, PROBLEM_FORBIDDEN,
                          "an init container runs to its end: remove the probe, or write "
                          "restartPolicy: Always for a sidecar");
    }
    if (init && !sidecar && place_given(&lifecycle))
        place_problem(p, &lifecycle, PROBLEM_FORBIDDEN,
                      "an init container has no hooks: remove them, or write restartPolicy: Always "
                      "for a sidecar");
    else if (place_given(&lifecycle))
        check_lifecycle(p, &lifecycle, spec);
}
