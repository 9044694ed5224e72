/*
 * base/str.h - bounded strings, names, and numbers that people type.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define NAME_MAX_BYTES 64u /* a process name with its final NUL: [A-Za-z0-9._-]{1,63} */

/* Copy src into dst[size], always terminated, never cut inside a UTF-8 sequence. True if all of it
 * fitted. */
bool str_copy(char *dst, size_t size, const char *src);

/* Is name a process name? Not empty, at most 63 bytes, [A-Za-z0-9._-], neither '.' nor '-' in front
 * (such names would be hidden files or look like options), and not "tend", whose log file belongs
 * to tend itself. -EINVAL with the reason. */
int name_check(const char *name, struct fault *f);

/* Write src with control characters, invalid UTF-8 and bidirectional marks made visible (\n, \x1b,
 * \u202e ...), so that printing it can't drive a terminal. Returns the length written, without the
 * NUL; cut at size. */
size_t str_visible(char *dst, size_t size, const char *src);

/* Whole-string decimal integer within [min, max]. -EINVAL: not a number; -ERANGE: outside. */
int str_int(const char *text, int64_t min, int64_t max, int64_t *ret);

/* A duration: "30" is seconds, also "1.5s", "500ms", "2m", "1m30s", "2h", "1d". Never negative.
 * -EINVAL, -ERANGE (over 10 years). */
int str_duration_ms(const char *text, uint64_t *ret_ms);

/* A size: "4096" is bytes, also "64KiB", "64K", "1.5MiB", "2G" (all by 1024). -EINVAL, -ERANGE
 * (over 10^15). */
int str_bytes(const char *text, uint64_t *ret_bytes);

/* "TERM", "SIGTERM", "term", "15" -> 15. -EINVAL for what is no signal. Real-time signals as
 * "RTMIN+3". */
int str_signal(const char *text, int *ret_signo);

/* "SIGTERM"; "signal 77" where the number has no name. The buffer holds the second form. Returns
 * the text. */
const char *str_signal_name(int signo, char buf[static 24]);

/* How many letters must be put in, taken out, replaced, or swapped with their neighbour, for "did
 * you mean". Strings over 64 bytes count as far apart. */
unsigned str_distance(const char *a, const char *b);

/* FNV-1a, 64 bits: names segments and compares commands. No protection against an adversary is
 * needed or given. */
uint64_t str_hash(uint64_t seed, const void *data, size_t bytes);
#define STR_HASH_SEED 0xcbf29ce484222325ull

#endif
