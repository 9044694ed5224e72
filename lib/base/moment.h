/*
 * base/moment.h - dates and times as programs and people write them: RFC 3339 and its neighbours.
 * Writing them is base/clock.h.
 *
 * USED BY   logread/ (lines of logs), monitor/ (answers of registries), cli/ (--since). No system
 *           call; the zone's rules are asked of libc.
 */
#ifndef BASE_MOMENT_H
#define BASE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

struct moment {
	int year, month, day;	  /* where .dated: 0..9999, 1..12, 1..31; else 0 */
	int hour, minute, second; /* second up to 60 */
	uint32_t fraction_ns;
	int32_t offset_s; /* east of UTC, where .zoned; else 0 */
	bool dated, zoned;
};

enum moment_form {
	/* "2026-11-24[T ]10:00:30[.,fraction][zone]", or that without the date. Also with '/'
	 * between the parts of the date. */
	MOMENT_WHOLE,
	MOMENT_SHORT /* seconds may be missing, and behind a date all of the time */
};

enum moment_zone { MOMENT_UTC, MOMENT_LOCAL };

/* The moment at p, as long as it can be. Zones: Z, +01:00, +0100, +01 (the longer ones also behind
 * a blank). Returns where it ends, or NULL: there is none, it or it is part of a longer word. */
const char *moment_scan(const char *p, const char *end, enum moment_form form, struct moment *ret);

/* Has it a date, and has the month that day? moment_seconds() takes 31 February for 3 March. */
bool moment_exists(const struct moment *m);

/* Seconds since 1970, negative before, of a moment with a date; otherwise: what it means without a
 * zone. A leap second is the second behind it. */
int64_t moment_seconds(const struct moment *m, enum moment_zone otherwise);

/* A text that is a whole moment with a date; without a zone UTC. Times before 1970 are 1 (as old as
 * can be), those after 2500 the end of 2500. -EINVAL: it is none. */
int moment_rfc3339(const char *text, uint64_t *ret_real_ns);

#endif
