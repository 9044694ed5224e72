/*
 * words/logline.h - one line of a log, in one of the forms that commands offer.
 */
#ifndef WORDS_LOGLINE_H
#define WORDS_LOGLINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "words/tone.h"

struct log_entry;

enum logline_form {
	LOGLINE_PLAIN,	   /* the line itself */
	LOGLINE_NAMED,	   /* NAME | the line */
	LOGLINE_AGGREGATE, /* [HH:MM:SS] LEVEL SOURCE: MESSAGE */
	LOGLINE_JSON,
	LOGLINE_CSV,
	LOGLINE_RAW, /* exactly the bytes */
};

/* How to write them, and what has to be remembered from one line to the next. */
struct logline {
	FILE *to;
	enum logline_form form;
	int width;	     /* of the widest name; of LOGLINE_NAMED */
	size_t most;	     /* bytes of a line; of a longer one the rest is counted; 0 = all */
	tone_painter *paint; /* NULL: in no tones */
	/* private */
	uint64_t seen[256]; /* names, as they appeared */
	size_t n_seen;
	const char *unended; /* the log whose line came last, if that has no end */
};

/* Control characters and what is not UTF-8 are made visible, but for LOGLINE_RAW. Returns 0, or
 * -errno where a JSON line could not be made; whether it was written ferror() tells. */
int logline_write(struct logline *l, const struct log_entry *e);
/* What stands above all lines: the titles of CSV. */
void logline_head(const struct logline *l);

#endif
