/* Inside the webhook layer: what admission and conversion share. */
#ifndef RBG_WEBHOOK_REVIEW_H
#define RBG_WEBHOOK_REVIEW_H

#include "webhook/webhook.h"

/* Parses the body of a review: content type, JSON within limits, apiVersion and kind, a `request`
 * object with a uid. On failure the answer is filled in (400, 413, 415) and NULL is returned. The
 * tree lives in the request's arena and takes over its body; `keep` and `stream` (may be NULL): see
 * json_parse_outline. */
const struct jv *review_parse(struct serve_request *q, struct serve_response *r,
                              const char *api_version, const char *kind,
                              const struct json_limits *limits, json_keep_fn keep,
                              const struct json_stream *stream);

/* Writes a review with this response as the answer, status 200. */
void review_answer(struct serve_request *q, struct serve_response *r, const char *api_version,
                   const char *kind, struct jv *response);

/* What one review may take: half of the patience of API servers, and memory for every core at once. */
#define REVIEW_MS 5000
#define ADMISSION_BYTES ((size_t)96 << 20)
#define CONVERSION_MEMORY ((size_t)192 << 20)

/* Runs fn(arg) within the budget. False: it was too much, or nobody waits for the answer any more; *why: in words, with the cure,
 * and as a status; the answer so far is dropped. */
struct review_excess { int code; const char *reason; char text[200]; };
bool review_within(struct serve_request *q, struct serve_response *r, size_t bytes, void (*fn)(void *arg), void *arg,
                   struct review_excess *why);

/* {status: "Failure", message, reason, code}. */
struct jv *review_failure(struct arena *a, int code, const char *reason, const char *message);

/* The body that /convert takes: a list of 500 groups of 30 KB, which is what kubectl asks for at a
 * time, is 15 MiB, and the caches of API servers ask for more. */
#define CONVERSION_BYTES ((size_t)32 << 20)

void review_convert(void *ctx, struct serve_request *q, struct serve_response *r);

void review_validate(const struct webhook_opts *o, enum kind k, struct serve_request *q,
                     struct serve_response *r);
void review_mutate(const struct webhook_opts *o, enum kind k, struct serve_request *q,
                   struct serve_response *r);

void count_admission(const char *operation, bool allowed);
void count_conversion(const char *version, bool ok, size_t objects);

#endif
