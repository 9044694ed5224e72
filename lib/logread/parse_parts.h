/*
 * logread/parse_parts.h - the pieces that the grammars of logread/parse.c share. Private to
 * logread/.
 */
#ifndef LOGREAD_PARSE_PARTS_H
#define LOGREAD_PARSE_PARTS_H

#include "logread/parse.h"

/* "2025-01-02[T ]03:04:05[.,frac][Z|+01:00]" or "03:04:05[.,frac]" at p. Returns where it ends, or
 * NULL. Without a zone it is local time; without a date the day that lies nearest before
 * near_ns. */
const char *parse_time(const char *p, const char *end, uint64_t near_ns, uint64_t *ret_ns);
/* Seconds, milli-, micro- or nanoseconds since 1970, by size. 0 = none of them. */
uint64_t parse_time_number(const char *p, size_t len);

/* A value that stands where only a level can stand (level=..., "level": ...): also trace, notice,
 * err and the like, and pino's numbers. */
enum log_level parse_level_value(const char *p, size_t len);

/* Whole-line grammars: false = it is none. They fill what they find. */
bool parse_json(const char *p, const char *end, uint64_t near_ns, struct log_line *ret);
bool parse_logfmt(const char *p, const char *end, uint64_t near_ns, struct log_line *ret);

/* A pair of JSON or logfmt, if its key is one that says something. */
void parse_pair(const char *key, size_t key_len, const char *value, size_t len, bool number,
	uint64_t near_ns, struct log_line *ret);

#endif
