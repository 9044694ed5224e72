/*
 * words/why.h - the story of one process, for people: its last transitions with their causes, and
 * what comes next.
 */
#ifndef WORDS_WHY_H
#define WORDS_WHY_H

#include <stdio.h>

#include "client/view.h"
#include "shm/events.h"

/* events: all of it, of which the last are told; program: what they are asked of, for the others.
 * r NULL: it is no longer in the table. width: columns of a line; 0 = none is broken. */
struct why {
	const struct view *v;
	const struct view_row *r;
	const char *name, *program;
	const struct pt_event *events;
	size_t n;
	unsigned width;
};

void why_write(FILE *to, const struct why *w);

#endif
