/*
 * cli/table.h - printing cells as a table with columns as wide as their longest cell.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/term.h"

struct table;

/* columns: at most TABLE_COLUMNS_MAX. */
#define TABLE_COLUMNS_MAX 16u
struct table *table_new(size_t columns);
void table_free(struct table *t);

/* Cells come row by row; the first row is the titles. False: out of memory, now or earlier. */
bool table_cell(struct table *t, const char *text, bool right, enum term_colour colour);

/* Was there memory for all of it? */
bool table_whole(const struct table *t);

/* Put the rows, but for the titles, in the order of their first cells. */
void table_sort(struct table *t);

/* Print it. width > 0: no line is wider: the last column is cut, with an ellipsis; where that is
 * not enough columns are left out, from the right, and at last the first one is cut. */
void table_print(const struct table *t, unsigned width);

#endif
