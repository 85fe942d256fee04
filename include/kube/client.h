/* The Kubernetes API over HTTPS (libcurl): configuration, requests, typed errors. Any thread may use a client. Connections
 * are kept alive and shared; HTTP/2 where the server offers it. */
#ifndef RBG_KUBE_CLIENT_H
#define RBG_KUBE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "doc/json.h"

struct kube_config; /* where the API server is and who we are */

/* From, in this order: `path` if not empty, $KUBECONFIG (first file that exists), in-cluster service account, ~/.kube/config.
 * kubeconfig: current-context (or `context`), server, certificate-authority(-data), client-certificate/-key(-data), token,
 * tokenFile, insecure-skip-tls-verify, tls-server-name, namespace, exec plugins (client.authentication.k8s.io/v1). The
 * in-cluster token is read again when its file changes. Errors: ERR_INVALID naming the file and the field. */
struct kube_config *kube_config_load(const char *path, const char *context, struct err *e);
void kube_config_free(struct kube_config *c);
const char *kube_config_namespace(const struct kube_config *c); /* "default" if the file names none */
const char *kube_config_server(const struct kube_config *c);

struct kube;

struct kube_opts {
    const char *user_agent;
    const char *field_manager;  /* "rbg": sent with every write */
    double qps;                 /* 0: no client-side limit (API priority and fairness does that) */
    int64_t burst;
    int64_t timeout_ms;         /* per request; 0: 30 s */
};

struct kube *kube_new(const struct kube_config *c, const struct kube_opts *o, struct err *e);
void kube_free(struct kube *k); /* cancels what is in flight; no other thread may still call */

/* kube_request.accept: of an object the metadata alone. A Status is answered as always. */
#define KUBE_METADATA_ONLY "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

struct kube_request {
    const char *method;       /* GET, POST, PUT, PATCH, DELETE */
    const char *path;         /* "/api/v1/namespaces/x/pods" */
    const char *query;        /* "a=b&c=d", escaped, or NULL */
    const char *content_type; /* NULL: application/json */
    const char *accept;       /* NULL: application/json */
    const char *body;         /* NULL: none */
    size_t len;
    int64_t timeout_ms;       /* 0: the client's */
};

struct kube_response {
    int status;
    struct buf body; /* owned by the caller: buf_fini */
};

/* One request. Answers of 400 and more become errors with the class, the server's message (Status.message) and Retry-After.
 * 429 and 503 with Retry-After are tried again within the deadline. Returns -1 on every error; `r` may be NULL. */
int kube_do(struct kube *k, const struct kube_request *q, struct kube_response *r, struct err *e);

/* As kube_do, with the answer as a document in `a`. */
int kube_ask(struct kube *k, const struct kube_request *q, struct arena *a, struct jv **answer, struct err *e);

/* Several independent requests at once, at most `parallel` in flight, each with its own result. */
struct kube_job {
    struct kube_request q;
    struct kube_response r;
    struct err e;
    int rc; /* 0 or -1; ERR_CANCELED when an earlier failure stopped the batch before this one started */
};
/* slow_start: 1, 2, 4, ... in flight, and nothing new is started after a batch with a failure. */
void kube_do_all(struct kube *k, struct kube_job *jobs, size_t n, size_t parallel, bool slow_start);

/* Was this write refused because its namespace is being deleted, or gone already? Whoever has nothing to do there then has not
 * failed. */
bool kube_namespace_ends(const struct err *e);

/* A watch: blocks and calls `line` for each event line (one JSON object, writable, NUL-terminated) until the server ends it,
 * `line` returns non-zero, *stop becomes true, or nothing (not even a bookmark) came for idle_ms. Returns 0 at an orderly end. */
int kube_watch(struct kube *k, const char *path, const char *query, int64_t idle_ms, const volatile bool *stop,
               int (*line)(void *ctx, char *text, size_t len), void *ctx, struct err *e);

/* For how long the API server has not answered: ms since the first failure of those after the last answer; 0: it answers. An answer
 * is whatever it says itself, also an error; 502, 503 and 504 are said by who stands before it, or when it can't work. */
int64_t kube_silent_ms(const struct kube *k);

/* Requests made so far, and the seconds they took, go into metrics rbg_kube_requests_total{verb,code} and
 * rbg_kube_request_duration_seconds{verb}. */

#endif
