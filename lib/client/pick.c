/* client/pick.c - names to rows (client/pick.h). */
#include "client/pick.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "client/foreign.h"
#include "client/group.h"
#include "client/like.h"

const char *pick_like(const struct view *v, const char *name)
{
	struct like like = LIKE(name);

	for (size_t i = 0; i < v->n; i++)
		like_try(&like, v->row[i].row.ident.name);
	return like.best;
}

bool pick_is_pattern(const char *name)
{
	return group_is(name) || strpbrk(name, "*?[") != NULL;
}

bool pick_matches(const struct home *h, const char *operand, const char *name)
{
	if (group_is(operand))
		return group_holds(h, operand, name);
	return pick_is_pattern(operand) ? fnmatch(operand, name, 0) == 0
					: strcmp(operand, name) == 0;
}

void pick_unlike(struct outcomes *oc, const struct home *h, const char *name, const char *like)
{
	outcome_add(oc, name, OUTCOME_UNKNOWN, 0, "no process has this name");
	if (foreign_complain(oc, h, name))
		return;
	if (pick_is_pattern(name))
		outcome_complain(oc, "no process matches %s; \"tend status\" lists them", name);
	else if (like)
		outcome_complain(oc, "no process is called %s; did you mean %s?", name, like);
	else
		outcome_complain(oc, "no process is called %s; \"tend status\" lists them", name);
}

void pick_nowhere(struct outcomes *oc, const struct home *h, const char *name)
{
	outcome_add(oc, name, OUTCOME_UNKNOWN, 0, "no instance of tend runs here");
	if (!foreign_complain(oc, h, name))
		outcome_complain(
			oc, "no process is called %s: no instance of tend runs here", name);
}

void pick_unknown(struct outcomes *oc, const struct view *v, const struct home *h, const char *name)
{
	pick_unlike(oc, h, name, pick_like(v, name));
}

/* What is picked from, and what of it was picked already. */
struct picking {
	const struct view *v;
	const struct home *home;
	bool *taken; /* by the row's place in v */
	struct picked *to;
};

static void take(struct picking *p, struct view_row *r)
{
	bool *taken = &p->taken[r - p->v->row];

	if (!*taken)
		p->to->row[p->to->n++] = r;
	*taken = true;
}

/* pattern: as the shell's, or "@GROUP". False: nothing matches. */
static bool take_matching(struct picking *p, const char *pattern)
{
	bool found = false;

	for (size_t i = 0; i < p->v->n; i++)
		if (pick_matches(p->home, pattern, p->v->row[i].row.ident.name)) {
			take(p, &p->v->row[i]);
			found = true;
		}
	return found;
}

static void pick_one(struct outcomes *oc, struct picking *p, const char *operand)
{
	struct view_row *r = pick_is_pattern(operand) ? NULL : view_find(p->v, operand);

	if (r) {
		take(p, r);
		return;
	}
	if (pick_is_pattern(operand) && take_matching(p, operand))
		return;
	p->to->unknown++;
	if (group_is(operand))
		group_empty(oc, operand);
	else if (pick_is_pattern(operand))
		pick_unlike(oc, p->home, operand, NULL);
	else
		pick_unknown(oc, p->v, p->home, operand);
}

int pick_rows(struct outcomes *oc, const struct view *v, const struct home *h, char *const *operand,
	size_t n, struct picked *ret)
{
	struct picking p = { .v = v, .home = h, .to = ret };

	*ret = (struct picked){ .row = calloc(v->n + 1, sizeof(*ret->row)) };
	p.taken = calloc(v->n + 1, sizeof(*p.taken));
	if (!ret->row || !p.taken) {
		free(p.taken);
		picked_done(ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		pick_one(oc, &p, operand[i]);
	free(p.taken);
	return 0;
}

void picked_done(struct picked *p)
{
	free(p->row);
	*p = (struct picked){ .n = 0 };
}
