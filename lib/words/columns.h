/*
 * words/columns.h - the facts about a process that the tables of status and list show. (As JSON:
 * words/doc.h.)
 */
#ifndef WORDS_COLUMNS_H
#define WORDS_COLUMNS_H

#include <stdbool.h>

#include "client/view.h"
#include "words/tone.h"

#define COLUMN_TEXT_MAX \
	(4 * PT_COMMAND_TEXT + \
		1) /* the longest cell: a command line whose every byte had to be made visible */

/* May be combined. */
enum column_set {
	COLUMN_STATUS = 1,
	COLUMN_LIST = 2, /* of services */
	COLUMN_GROUP = 4,
	COLUMN_AGENTS = 8, /* a list of agents */
	COLUMN_WIDE = 16,  /* what it adds where there is room */
};

struct column {
	const char *title;
	unsigned sets; /* text tables that show it */
	bool right;    /* numbers line up on the right */
	/* The cell: its own text, or put into buf. */
	const char *(*text)(const struct view *v, const struct view_row *r, char *buf, size_t size);
	enum tone (*tone)(const struct view_row *r); /* NULL: plain */
};

extern const struct column columns[]; /* ends with an all-zero one */

/* How its health is meant. */
enum tone columns_health(const struct view_row *r);

#endif
