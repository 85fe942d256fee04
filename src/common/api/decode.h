/* Inside the api layer: decoding of a part of a document, with errors that name the path from the document's root. */
#ifndef RBG_API_DECODE_H
#define RBG_API_DECODE_H

#include "api/model.h"

/* As schema_decode; `path` ("spec") starts every path in an error. An absent document leaves *out all zero. */
int schema_decode_at(struct arena *a, const struct jv *doc, const struct type *t, const char *path,
                     void *out, struct err *e);

#endif
