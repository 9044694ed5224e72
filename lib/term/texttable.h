/*
 * term/texttable.h - printing cells as a table with columns as wide as their longest cell.
 */
#ifndef TERM_TEXTTABLE_H
#define TERM_TEXTTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "term/term.h"

struct texttable;

/* columns: at most TEXTTABLE_COLUMNS_MAX. */
#define TEXTTABLE_COLUMNS_MAX 16u
struct texttable *texttable_new(size_t columns);
void texttable_free(struct texttable *t);

/* Cells come row by row; the first row is the titles. False: out of memory, now or earlier. */
bool texttable_cell(struct texttable *t, const char *text, bool right, enum term_colour colour);

/* Was there memory for all of it? */
bool texttable_whole(const struct texttable *t);

/* Put the rows, but for the titles, in the order of their first cells. */
void texttable_sort(struct texttable *t);

/* Print it. width > 0: no line is wider: the last column is cut, with an ellipsis; where that is
 * not enough columns are left out, from the right, and at last the first one is cut. */
void texttable_print(const struct texttable *t, unsigned width);

#endif
