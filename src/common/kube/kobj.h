/* What the store needs to know of an object beyond its public face. Private to the layer. */
#ifndef RBG_KUBE_KOBJ_H
#define RBG_KUBE_KOBJ_H

#include "kube/store.h"

size_t kobj_size(const struct kobj *o); /* bytes of its allocation */

#endif
