/* client/resurrect.c - starting again what was up (client/resurrect.h). */
#include "client/resurrect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/daemons.h"
#include "client/report.h"
#include "config/desired.h"
#include "config/wishes.h"

bool resurrect_knows(const char *home)
{
	struct home h = HOME_INIT;
	struct desired d = { 0 };
	bool known = false;

	if (home_open(home, HOME_READ, &h, NULL) == 0 && desired_load_wished(&h, &d, NULL) < 0)
		known = true; /* resurrect() says what is wrong with it */
	for (size_t i = 0; i < d.n; i++)
		known = known || d.entry[i].up;
	desired_done(&d);
	home_close(&h);
	return known;
}

static int by_order(const void *a, const void *b)
{
	const struct desired_entry *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

static size_t plan(struct desired *d, struct ask *a)
{
	size_t n = 0;

	if (d->n)
		qsort(d->entry, d->n, sizeof(*d->entry), by_order);
	for (size_t i = 0; i < d->n; i++)
		if (d->entry[i].up)
			ask_fill(&a[n++], PT_COMMAND_START, d->entry[i].name, PT_FLAG_RESURRECT);
	return n;
}

static bool planned(const struct ask *a, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i].req.name, name) == 0)
			return true;
	return false;
}

/* The table knows what was answered a moment ago and is not on the disk yet. Returns how many asks
 * there are now. */
static size_t plan_rows(const struct pt *pt, struct ask **a, size_t planned_n)
{
	uint32_t high = pt_high(pt);
	struct ask *more;
	struct pt_row row;
	size_t n = 0;

	for (size_t i = 0; i < planned_n; i++)
		/* else it was stopped since */
		if (pt_find(pt, (*a)[i].req.name, &row) < 0 || row.life.desired)
			(*a)[n++] = (*a)[i];
	more = reallocarray(*a, n + high + 1, sizeof(*more));
	if (!more)
		return n;
	*a = more;
	memset(more + n, 0, (high + 1) * sizeof(*more));
	for (uint32_t i = 0; i < high; i++)
		if (pt_read(pt, i, &row) == 0 && row.life.desired &&
			!planned(more, n, row.ident.name))
			ask_fill(&more[n++], PT_COMMAND_START, row.ident.name, PT_FLAG_RESURRECT);
	return n;
}

static bool carry_out(struct outcomes *oc, struct instance *in, struct ask **a, size_t n)
{
	struct ask_patience patience = { .doing = "starting", .oc = oc };
	struct fault f = { "" };
	bool started = false;
	int r = daemons_ensure(&in->home, &started, oc->watcher, &f);

	if (r == 0)
		r = instance_attach(in, &f);
	if (r == 0 && started)
		r = ask_sync(in, oc->watcher, &f);
	if (r == 0) {
		n = plan_rows(in->pt, a, n);
		r = ask_all(in, *a, n, &patience, &f);
	}
	if (r < 0)
		return OUTCOME_FAIL(oc, "%s", f.text);
	oc->daemons = started ? "started" : "running";
	if (started)
		outcome_say(oc, "the daemons are started");
	else
		outcome_say(oc, "the daemons run already");
	if (n == 0)
		outcome_say(oc, "no process was up when the instance last ran");
	return report_starts(oc, *a, n) == 0;
}

bool resurrect(struct outcomes *oc, const char *home)
{
	struct instance in = INSTANCE_NONE;
	struct desired d = { 0 };
	struct ask *a = NULL;
	struct fault f = { "" };
	bool good = false;

	in.access = PT_CLIENT;
	if (home_open(home, HOME_CREATE, &in.home, &f) < 0 ||
		desired_load_wished(&in.home, &d, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	else if (!(a = calloc(d.n + 1, sizeof(*a))))
		outcome_complain(oc, "out of memory");
	else
		good = carry_out(oc, &in, &a, plan(&d, a));
	free(a);
	desired_done(&d);
	instance_close(&in);
	return good;
}
