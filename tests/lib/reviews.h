/* Reviews as an API server sends them, to the webhook's own routes, and what the answers say. */
#ifndef RBG_TEST_REVIEWS_H
#define RBG_TEST_REVIEWS_H

#include "api/kinds.h"
#include "serve/https.h"

struct review_answer {
    int status;
    char *text;
    struct jv *doc, *response; /* NULL when it is no JSON, no review */
};

/* Sends bytes to a route. */
struct review_answer review_post(struct arena *a, const char *path, const char *content_type, const char *body, size_t n);

/* "validate" or "mutate" of a kind; NULL when there is no such webhook. */
const char *review_route(struct arena *a, const char *verb, enum kind k);

/* Sends an AdmissionReview of this object: CREATE, or UPDATE when there is an old one. The answer is checked: status 200, an
 * AdmissionReview with the uid of the request and a verdict, and a denial has a message and a code. */
struct review_answer review_admit(struct arena *a, const char *verb, enum kind k, const struct jv *object, const struct jv *old);

/* Sends a ConversionReview of these objects. The answer is checked: status 200, a ConversionReview with the uid and a result. */
struct review_answer review_convert_all(struct arena *a, const struct jv *objects, const char *version);

bool review_allowed(const struct review_answer *r);
const char *review_message(const struct review_answer *r);
/* Does one of the denial's causes have this field? below: or a field inside of it. */
bool review_names(const struct review_answer *r, const char *path, bool below);

#endif
