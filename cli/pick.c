/* cli/pick.c - names to rows (cli/pick.h). */
#include "cli/pick.h"

#include <fnmatch.h>
#include <string.h>

#include "cli/foreign.h"
#include "cli/group.h"
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

static bool is_foreign(struct outcomes *oc, const char *name)
{
	struct home h = HOME_INIT;
	bool found = home_open(NULL, HOME_READ, &h, NULL) == 0 && foreign_complain(oc, &h, name);

	home_close(&h);
	return found;
}

void pick_unlike(struct outcomes *oc, const char *name, const char *like)
{
	outcome_add(oc, name, OUTCOME_UNKNOWN, 0, "no process has this name");
	if (is_foreign(oc, name))
		return;
	if (pick_is_pattern(name))
		outcome_complain(oc, "no process matches %s; \"tend status\" lists them", name);
	else if (like)
		outcome_complain(oc, "no process is called %s; did you mean %s?", name, like);
	else
		outcome_complain(oc, "no process is called %s; \"tend status\" lists them", name);
}

void pick_nowhere(struct outcomes *oc, const char *name)
{
	outcome_add(oc, name, OUTCOME_UNKNOWN, 0, "no instance of tend runs here");
	if (!is_foreign(oc, name))
		outcome_complain(
			oc, "no process is called %s: no instance of tend runs here", name);
}

void pick_unknown(struct outcomes *oc, const struct view *v, const char *name)
{
	pick_unlike(oc, name, pick_like(v, name));
}

static bool has(struct view_row *const *rows, size_t n, const struct view_row *r)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i] == r)
			return true;
	return false;
}

size_t pick_room(const struct view *v, size_t n)
{
	return (n > v->n ? n : v->n) + 1;
}

/* pattern: as the shell's, or "@GROUP". */
static size_t add_matching(
	const struct view *v, const char *pattern, struct view_row **ret, size_t *found)
{
	struct home h = HOME_INIT;
	size_t matches = 0;

	if (group_is(pattern))
		(void)home_open(NULL, HOME_READ, &h, NULL);
	for (size_t i = 0; i < v->n; i++) {
		const char *name = v->row[i].row.ident.name;

		if (!pick_matches(&h, pattern, name))
			continue;
		matches++;
		if (!has(ret, *found, &v->row[i]))
			ret[(*found)++] = &v->row[i];
	}
	home_close(&h);
	return matches;
}

size_t pick_rows(struct outcomes *oc, const struct view *v, char *const *names, size_t n,
	struct view_row **ret, size_t *ret_n)
{
	size_t unknown = 0, found = 0;

	for (size_t i = 0; i < n; i++) {
		struct view_row *r = view_find(v, names[i]);

		if (pick_is_pattern(names[i])) {
			if (add_matching(v, names[i], ret, &found) == 0) {
				if (group_is(names[i]))
					group_empty(oc, names[i]);
				else
					pick_unlike(oc, names[i], NULL);
				unknown++;
			}
		} else if (!r) {
			pick_unknown(oc, v, names[i]);
			unknown++;
		} else if (!has(ret, found, r)) {
			ret[found++] = r;
		}
	}
	*ret_n = found;
	return unknown;
}
