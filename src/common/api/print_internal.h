/* Inside the api layer: what the printed objects have in common. */
#ifndef RBG_API_PRINT_INTERNAL_H
#define RBG_API_PRINT_INTERNAL_H

#include "api/print.h"

#define VALIDATING_CONFIG "rbgs-validating-webhook-configuration"
#define MUTATING_CONFIG "rbgs-mutating-webhook-configuration"

/* How the API server reaches the webhook at `path`: {service or url, caBundle}. NULL when `o` names neither. */
struct jv *print_client_config(struct arena *a, const struct print_opts *o, const char *path);

/* ["x"] */
struct jv *print_one(struct arena *a, const char *s);

/* The comma-separated words of s. */
struct jv *print_words(struct arena *a, const char *s);

/* "<plural>.<group>": the name of a kind's definition. */
char *print_crd_name(struct arena *a, enum kind k);

#endif
