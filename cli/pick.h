/*
 * cli/pick.h - from the names on the command line to rows of the table.
 */
#ifndef CLI_PICK_H
#define CLI_PICK_H

#include "client/outcome.h"
#include "client/view.h"

/* Look up n names, or patterns as the shell's ("api*", "[ab]?"), or groups ("@web"); the rows
 * (pointers into v) go to ret in the order given, each once: ret has room for pick_room(v, n). An
 * unknown name is said, with what was perhaps meant, and so is a pattern that nothing matches;
 * returns how many of these there were. *ret_n counts what was found. */
size_t pick_rows(struct outcomes *oc, const struct view *v, char *const *names, size_t n,
	struct view_row **ret, size_t *ret_n);
size_t pick_room(const struct view *v, size_t n);
/* Does it stand for any number of processes: a pattern or a group? No name looks so. */
bool pick_is_pattern(const char *name);
/* Is name meant by this operand: a name, a pattern or a group (of that home)? */
bool pick_matches(const struct home *h, const char *operand, const char *name);

/* A name in the table that looks like this one, or NULL. */
const char *pick_like(const struct view *v, const char *name);
/* "no process is called NAME", and what was perhaps meant: an outcome, and a complaint. */
void pick_unknown(struct outcomes *oc, const struct view *v, const char *name);
/* The same; like: what was perhaps meant, NULL if that is not known. */
void pick_unlike(struct outcomes *oc, const char *name, const char *like);
/* The same where there is no table. */
void pick_nowhere(struct outcomes *oc, const char *name);

#endif
