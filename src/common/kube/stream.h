/* Answers that are read while they arrive: watches and lists. Private to the layer. */
#ifndef RBG_KUBE_STREAM_H
#define RBG_KUBE_STREAM_H

#include "kube/client.h"

/* A GET whose body is handed to `piece` on the calling thread, in writable pieces as they come. Ends with 0 when the answer
 * is complete, `piece` returned non-zero or *stop is true; with -1 when the answer is an error, the connection was cut,
 * or nothing came for idle_ms. verb: for the metrics. */
struct kube_stream {
    const char *verb, *path, *query;
    int64_t idle_ms;
    const volatile bool *stop; /* may be NULL; kube_wake makes streams look at it at once */
    int (*piece)(void *ctx, char *data, size_t len);
    void *ctx;
};
int kube_stream(struct kube *k, const struct kube_stream *s, struct err *e);

void kube_wake(struct kube *k);

/* The error that an answer of 300 and more means: class, message and Retry-After. Returns -1. */
int kube_status_error(const char *method, const char *path, int status, int64_t retry_after_ms, const struct buf *body,
                      struct err *e);

void query_escape(struct buf *out, const char *s); /* percent-encodes a value of a query */

/* Reads a List as it streams in, so that only one element is in memory at a time. `item` gets each element of "items"
 * (writable); its non-zero return ends the list. At the end `envelope` holds the rest of the document, with empty items. */
struct list_reader {
    int (*item)(void *ctx, char *text, size_t len);
    void *ctx;
    struct buf element, envelope;
    struct buf key;       /* last string at depth 1 */
    unsigned depth;
    bool in_items, in_string, escaped, too_big;
};
/* Feeds a piece. Returns non-zero when `item` did, or when an element exceeds its bound (too_big). */
int list_reader_feed(struct list_reader *r, const char *data, size_t len);
void list_reader_fini(struct list_reader *r);

#endif
