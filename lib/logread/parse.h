/*
 * logread/parse.h - what a line of a log says about itself: level, time, source. Lines come from
 * any program, so every grammar here is a guess that must hold from the first byte on; a line that
 * fits none has no level and continues the entry above it.
 *
 * Takes (bytes, length); NUL bytes and invalid UTF-8 are bytes like others. Looks at the first
 * PARSE_HEAD_BYTES only (a JSON object: PARSE_JSON_BYTES).
 *
 * USED BY   logread/ (archives note the levels of a block), cli/, tests.
 */
#ifndef LOGREAD_PARSE_H
#define LOGREAD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSE_HEAD_BYTES 512u
#define PARSE_JSON_BYTES 65536u

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_CRITICAL,
	LOG_LEVEL_NONE
};

struct log_line {
	/* NONE: it has none, and continues the entry above. INFO for an entry of its own that names
	 * no level. */
	enum log_level level;
	uint64_t real_ns;   /* 0 = it names no time */
	const char *source; /* points into the line; NULL = it names none */
	size_t source_len;
	const char *message; /* likewise; the whole line where no grammar fits, and for JSON */
	size_t message_len;
	bool level_named; /* false: the level is NONE, or INFO for want of a word */
};

/* Parse one line without its line end. near_ns: about when it was written, which a time without a
 * date needs. */
void parse_line(const char *text, size_t len, uint64_t near_ns, struct log_line *ret);

/* "DEBUG" ...; "" for NONE. */
const char *parse_level_label(enum log_level level);
/* The five names, WARN and FATAL, in any case; LOG_LEVEL_NONE for every other word. */
enum log_level parse_level_word(const char *word, size_t len);

#endif
