/* What programs that wait for an object make of its status: their rules, not ours. */
#ifndef RBG_VERDICT_H
#define RBG_VERDICT_H

#include "doc/json.h"

enum verdict { IN_PROGRESS, CURRENT, FAILED };

/* `kubectl wait --for=condition=TYPE`: the condition is True, and is no older than the spec. */
enum verdict verdict_kubectl_wait(const struct jv *object, const char *type);
/* kstatus, by which Flux and `kubectl apply --prune --wait` judge objects whose kind they do not know. */
enum verdict verdict_kstatus(const struct jv *object);
/* Argo CD with the health rule of docs/operating.md. */
enum verdict verdict_argo(const struct jv *object);

#endif
