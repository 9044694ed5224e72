/* client/request.c - the same request for several processes (client/request.h). */
#include "client/request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "client/daemons.h"
#include "client/pick.h"
#include "client/report.h"
#include "client/shutdown.h"
#include "client/stored.h"

static bool send_all(struct outcomes *oc, struct instance *in, const struct request *q,
	const char *const *names, size_t n)
{
	struct ask_patience patience = { .doing = q->doing, .oc = oc };
	struct ask *a = calloc(n + 1, sizeof(*a));
	struct fault f = { "" };
	bool good;

	if (!a)
		return OUTCOME_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++) {
		a[i].req = q->like;
		str_copy(a[i].req.name, sizeof(a[i].req.name), names[i]);
	}
	good = ask_all(in, a, n, &patience, &f) < 0 ? OUTCOME_FAIL(oc, "%s", f.text)
						    : report_done(oc, a, n, q->done, q->words) == 0;
	free(a);
	return good;
}

static bool send_picked(struct outcomes *oc, struct instance *in, const struct request *q,
	const struct view *v, char **names, size_t n)
{
	const char **found_names = calloc(v->n + 1, sizeof(*found_names));
	struct picked p = { .n = 0 };
	size_t found = 0;
	bool good = true;

	if (!found_names || pick_rows(oc, v, &in->home, names, n, &p) < 0) {
		free(found_names);
		return OUTCOME_FAIL(oc, "out of memory");
	}
	for (size_t i = 0; n == 0 && i < v->n; i++)
		if (view_is_up(&v->row[i]))
			found_names[found++] = v->row[i].row.ident.name;
	for (size_t i = 0; i < p.n; i++)
		found_names[found++] = p.row[i]->row.ident.name;
	if (found)
		good = send_all(oc, in, q, found_names, found);
	else if (n == 0)
		good = OUTCOME_FAIL(oc, "nothing is running");
	good = good && p.unknown == 0;
	picked_done(&p);
	free(found_names);
	return good;
}

/* No instance runs, but these processes are known from before: start the daemons for them, and end
 * those again that nothing needs. */
static bool send_stored(struct outcomes *oc, const char *home, const struct request *q,
	const struct home *known, char **names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool started = false;
	size_t unknown = 0;
	bool good;

	for (size_t i = 0; i < n; i++)
		if (pick_is_pattern(names[i]) || !stored_has(home, names[i])) {
			pick_nowhere(oc, known, names[i]);
			unknown++;
		}
	if (unknown)
		return false;
	if (home_open(home, HOME_CREATE, &in.home, &f) < 0)
		return OUTCOME_FAIL(oc, "%s", f.text);
	if (q->like.kind == PT_COMMAND_SIGNAL && !instance_left(&in.home)) {
		instance_close(&in);
		return OUTCOME_FAIL(oc, "%s does not run", names[0]);
	}
	if (daemons_ensure(&in.home, &started, oc->watcher, &f) < 0 ||
		(in.access = PT_CLIENT, instance_attach(&in, &f)) < 0) {
		instance_close(&in);
		return OUTCOME_FAIL(oc, "%s", f.text);
	}
	good = send_all(oc, &in, q, (const char *const *)names, n);
	if (q->like.kind == PT_COMMAND_REMOVE && started && shutdown_idle(&in, oc->watcher, &f) < 0)
		good = OUTCOME_FAIL(oc, "%s", f.text);
	instance_close(&in);
	return good;
}

bool request_run(
	struct outcomes *oc, const char *home, const struct request *q, char **names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, home, PT_CLIENT, &f);
	bool good;

	if (r == -ENOENT)
		good = n ? send_stored(oc, home, q, &in.home, names, n)
			 : OUTCOME_FAIL(oc, "nothing is running");
	else if (r < 0)
		good = OUTCOME_FAIL(oc, "%s", f.text);
	else if (view_load(&in, &v) < 0)
		good = OUTCOME_FAIL(oc, "out of memory");
	else
		good = send_picked(oc, &in, q, &v, names, n);
	view_done(&v);
	instance_close(&in);
	return good;
}
