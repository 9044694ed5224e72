/*
 * cli/logprint.h - one line of a log on stdout, in one of the forms that commands offer.
 */
#ifndef CLI_LOGPRINT_H
#define CLI_LOGPRINT_H

#include <stdbool.h>

#include "logread/stream.h"

/* behind the name of an agent: the label of the log that it writes itself */
#define LOGPRINT_FILE_MARK "@file"

enum logprint_form {
	LOGPRINT_LINE,	    /* the line itself */
	LOGPRINT_NAMED,	    /* NAME | the line */
	LOGPRINT_AGGREGATE, /* [HH:MM:SS] LEVEL SOURCE: MESSAGE */
	LOGPRINT_JSON,
	LOGPRINT_CSV,
	LOGPRINT_RAW, /* exactly the bytes */
};

/* Control characters and what is no UTF-8 are made visible, but for LOGPRINT_RAW that does not go
 * to a terminal; there, a very long line is cut, which is said. width: of the widest name. */
void logprint(enum logprint_form form, const struct log_entry *e, int width);
/* What stands above all lines: the titles of CSV. */
void logprint_head(enum logprint_form form);

/* The process whose log this is: NAME of NAME@err and NAME@file. buf holds it. */
const char *logprint_name(const char *stem, char buf[static 256]);

#endif
