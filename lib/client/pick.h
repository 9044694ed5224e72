/*
 * client/pick.h - from the names on the command line to rows of the table.
 */
#ifndef CLIENT_PICK_H
#define CLIENT_PICK_H

#include "client/outcome.h"
#include "client/view.h"

struct picked {
	struct view_row **row; /* pointers into the view, each once; malloc'ed */
	size_t n;
	size_t unknown; /* how many operands meant nothing */
};

/* Look up n names, or patterns as the shell's ("api*", "[ab]?"), or groups of that home ("@web"),
 * in the order given. An unknown name becomes an outcome and a complaint, with what was perhaps
 * meant, and so does a pattern that nothing matches. 0, or -ENOMEM. Free it with picked_done(). */
int pick_rows(struct outcomes *oc, const struct view *v, const struct home *h, char *const *operand,
	size_t n, struct picked *ret);
void picked_done(struct picked *p);

/* Does it stand for any number of processes: a pattern or a group? No name looks so. */
bool pick_is_pattern(const char *name);
/* Is name meant by this operand: a name, a pattern or a group (of that home)? */
bool pick_matches(const struct home *h, const char *operand, const char *name);

/* A name in the table that looks like this one, or NULL. */
const char *pick_like(const struct view *v, const char *name);
/* "no process is called NAME", and what was perhaps meant, or who else has started it in that home:
 * an outcome, and a complaint. */
void pick_unknown(
	struct outcomes *oc, const struct view *v, const struct home *h, const char *name);
/* The same; like: what was perhaps meant, NULL if that is not known. */
void pick_unlike(struct outcomes *oc, const struct home *h, const char *name, const char *like);
/* The same where there is no table. */
void pick_nowhere(struct outcomes *oc, const struct home *h, const char *name);

#endif
