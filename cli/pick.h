/*
 * cli/pick.h - from the names on the command line to rows of the table.
 */
#ifndef CLI_PICK_H
#define CLI_PICK_H

#include "cli/view.h"

/* Look up n names; the rows (pointers into v) go to ret in the order given, each once. An unknown name is said, with
 * what was perhaps meant; returns how many
 * were unknown. *ret_n counts what was found. */
size_t pick_rows(const struct view *v, char *const *names, size_t n, struct view_row **ret, size_t *ret_n);

/* A name in the table that looks like this one, or NULL. */
const char *pick_like(const struct view *v, const char *name);
/* "no process is called NAME", and what was perhaps meant. Returns EXIT_FAIL. */
int pick_unknown(const struct view *v, const char *name);

#endif
