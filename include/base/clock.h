/* Time. Code above `base` never calls the system's clock: it is handed a clock, so that tests and the simulation
 * run on a virtual one. */
#ifndef RBG_BASE_CLOCK_H
#define RBG_BASE_CLOCK_H

#include <stdint.h>

struct clock;

struct clock *clock_real(void);         /* shared, never freed */
struct clock *clock_fake_new(int64_t unix_ms);
void clock_fake_free(struct clock *c);
void clock_fake_advance(struct clock *c, int64_t ms);

int64_t clock_now_ms(const struct clock *c);  /* wall time, ms since 1970 UTC */
int64_t clock_mono_ms(const struct clock *c); /* monotonic; for delays and deadlines */

/* RFC 3339 in UTC with whole seconds, as Kubernetes writes it ("2026-11-23T09:03:07Z"); out: 21 bytes or more. */
char *time_rfc3339(int64_t unix_ms, char out[32]);
char *time_rfc3339_micro(int64_t unix_ms, char out[32]); /* MicroTime: "2026-11-23T09:03:07.000000Z" */

/* Parses RFC 3339 with or without fraction and zone. Returns -1 when it is none. */
int time_parse_rfc3339(const char *s, int64_t *unix_ms);

#endif
