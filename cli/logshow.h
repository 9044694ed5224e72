/*
 * cli/logshow.h - showing logs: the newest lines, or all, of some logs, and what comes.
 */
#ifndef CLI_LOGSHOW_H
#define CLI_LOGSHOW_H

#include "client/logplaces.h"
#include "words/logline.h"

struct logshow {
	struct log_query query;
	enum logline_form form;
	uint64_t lines; /* the newest so many; 0 = all */
	bool follow;
	bool whole; /* fail where not everything can be read */
	bool every; /* follow logs that come into being, too */
};

/* Damage is reported on stderr, and the rest is shown. Returns an exit status. */
int logshow(const struct logshow *s, struct logplaces *places);

/* How lines of a form are written to stdout: whole and in its bytes, unless that is a terminal.
 * width: of the widest name. */
struct logline logshow_writer(enum logline_form form, int width);

/* Values of options: complain and return false when they are none. */
bool logshow_level(const char *text, enum log_level *ret);
bool logshow_lines(const char *text, uint64_t *ret);
bool logshow_time(const char *what, const char *text, uint64_t *ret_ns);
bool logshow_range(const struct log_query *q);

/* Says on stderr what was damaged. */
const struct log_complain *logshow_complain(void);
/* How often it was used so far. */
unsigned logshow_complaints(void);

#endif
