/*
 * cli/columntable.h - columns of processes (words/columns.h) as a text table.
 */
#ifndef CLI_COLUMNTABLE_H
#define CLI_COLUMNTABLE_H

#include "term/texttable.h"
#include "words/columns.h"

/* With the titles of the sets. NULL when out of memory. */
struct texttable *columntable_new(unsigned sets);
/* A row; texttable_whole() tells whether there was memory. */
void columntable_add(
	struct texttable *t, const struct view *v, const struct view_row *r, unsigned sets);

#endif
