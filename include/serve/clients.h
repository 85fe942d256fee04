/* Which clients are known: those whose certificate a CA of ours has signed, as API servers can show one. Any thread. */
#ifndef RBG_SERVE_CLIENTS_H
#define RBG_SERVE_CLIENTS_H

#include "base/err.h"

struct clients;

/* The CAs are read from a PEM file, and again when it changes; what can't be used then is logged, and the old ones stay. `name`:
 * the common name that the client's certificate must have; NULL or "": any. NULL and an error when the file holds no
 * certificate. */
struct clients *clients_new(const char *ca_file, const char *name, struct err *e);
void clients_free(struct clients *c); /* NULL is allowed */

#endif
