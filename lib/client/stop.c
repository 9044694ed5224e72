/* client/stop.c - stopping processes (client/stop.h). */
#include "client/stop.h"

#include <errno.h>
#include <stdlib.h>

#include "client/ask.h"
#include "client/pick.h"
#include "client/report.h"
#include "client/shutdown.h"

struct order {
	const struct stop *how;
	bool ends; /* the instance ends with it: the guardian sees to a spawner that stands still */
	bool left; /* something survives SIGKILL: nobody waits for its end */
};

/* What has not answered yet is killed. */
static int kill_rest(struct outcomes *oc, struct instance *in, int stops, struct ask *a, size_t n,
	struct fault *f)
{
	const struct ask_patience patience = {
		.doing = "killing", .oc = oc, .interruptible = true, .dealt_with = stops
	};
	struct ask *rest = calloc(n + 1, sizeof(*rest));
	size_t k = 0;
	int r;

	if (!rest)
		return fault_set(f, -ENOMEM, "out of memory");
	outcome_say(oc, "killing");
	outcome_pause(oc);
	for (size_t i = 0; i < n; i++)
		if (a[i].state != ASK_DONE)
			ask_fill(&rest[k++], PT_COMMAND_STOP, a[i].req.name, PT_FLAG_FORCE);
	r = ask_all(in, rest, k, &patience, f);
	for (size_t i = n; i-- > 0;)
		if (a[i].state != ASK_DONE)
			a[i] = rest[--k];
	free(rest);
	return r;
}

static bool conclude(struct outcomes *oc, const struct instance *in, struct order *o,
	const struct ask *a, size_t n, int r, const struct fault *f)
{
	if (r == -EHOSTDOWN)
		outcome_complain(oc, "the spawner stands still; the guardian goes on with another");
	o->left |= r == -EDEADLK;
	/* -ENOENT: somebody has ended the instance meanwhile, and with it all of these. */
	if (r == -ENOENT || r == -EHOSTDOWN)
		return true;
	if (r == -EINTR)
		return OUTCOME_FAIL(oc, "interrupted; the daemons go on stopping them");
	return r < 0 ? OUTCOME_FAIL(oc, "%s", f->text) : report_stops(oc, in, a, n) == 0;
}

static bool stop_part(struct outcomes *oc, struct instance *in, struct order *o,
	const char *const *name, size_t n)
{
	const struct ask_patience patience = { .doing = "stopping",
		.oc = oc,
		.leaves = o->ends,
		.interruptible = o->how->stops > 0,
		.dealt_with = o->how->stops };
	unsigned flags = o->how->flags | (o->ends ? PT_FLAG_KEEP_WANT : 0);
	struct ask *a = calloc(n + 1, sizeof(*a));
	struct fault f = { "" };
	bool good;
	int r;

	if (!a)
		return OUTCOME_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++) {
		ask_fill(&a[i], PT_COMMAND_STOP, name[i], flags);
		a[i].req.timeout_ms = o->how->timeout_ms;
	}
	r = n ? ask_all(in, a, n, &patience, &f) : 0;
	if (r == -EINTR)
		r = kill_rest(oc, in, o->how->stops + 1, a, n, &f);
	good = conclude(oc, in, o, a, n, r, &f);
	free(a);
	outcome_pause(oc);
	return good;
}

/* The registries last: agents say goodbye to them. */
static bool stop_in_order(struct outcomes *oc, struct instance *in, struct order *o,
	const char *const *name, size_t n, size_t registries)
{
	bool first = stop_part(oc, in, o, name, n - registries);
	bool second = stop_part(oc, in, o, name + (n - registries), registries);

	return first && second;
}

bool stop_names(struct outcomes *oc, struct instance *in, const struct stop *s,
	const char *const *name, size_t n, size_t registries)
{
	struct order o = { .how = s };

	return stop_in_order(oc, in, &o, name, n, registries);
}

static bool is_registry(const struct view_row *r)
{
	return r->row.ident.service == PT_SERVICE_REGISTRY;
}

static int by_order(const void *a, const void *b)
{
	const struct view_row *const *x = a, *const *y = b;
	uint32_t p = (*x)->row.ident.order, q = (*y)->row.ident.order;

	if (is_registry(*x) != is_registry(*y))
		return is_registry(*x) ? 1 : -1;
	return p < q ? -1 : p > q;
}

static bool stop_sorted(
	struct outcomes *oc, struct instance *in, struct order *o, struct view_row **row, size_t n)
{
	const char **name = calloc(n + 1, sizeof(*name));
	size_t registries = 0;
	bool good;

	if (!name)
		return OUTCOME_FAIL(oc, "out of memory");
	qsort(row, n, sizeof(*row), by_order);
	for (size_t i = 0; i < n; i++) {
		name[i] = row[i]->row.ident.name;
		registries += is_registry(row[i]);
	}
	good = stop_in_order(oc, in, o, name, n, registries);
	free(name);
	return good;
}

/* Up, waiting to be started again, or ended while no daemon lived: the spawner that ends it all
 * would start that one first. */
static bool has_something_to_stop(const struct view_row *r)
{
	return !(pt_state_traits(r->row.life.state) & PT_TRAIT_REST);
}

static bool stop_everything(
	struct outcomes *oc, struct instance *in, const struct view *v, const struct stop *s)
{
	struct view_row **row = calloc(v->n + 1, sizeof(*row));
	struct order o = { .how = s, .ends = true };
	struct fault f = { "" };
	bool good = true;
	size_t n = 0;

	if (!row)
		return OUTCOME_FAIL(oc, "out of memory");
	for (size_t i = 0; i < v->n; i++)
		if (has_something_to_stop(&v->row[i]))
			row[n++] = &v->row[i];
	if (n)
		good = stop_sorted(oc, in, &o, row, n);
	else
		outcome_say(oc, "no process was running");
	free(row);
	if (!good) {
		if (o.left)
			shutdown_ask(in);
		return false;
	}
	if (shutdown_all(in, oc->watcher, &f) < 0)
		return OUTCOME_FAIL(oc, "%s", f.text);
	oc->daemons = "ended";
	outcome_say(oc, "the daemons have ended");
	return true;
}

static bool stop_named(struct outcomes *oc, struct instance *in, const struct view *v,
	char *const *names, size_t n, const struct stop *s)
{
	struct order o = { .how = s };
	struct picked p;
	bool good = true;

	if (pick_rows(oc, v, &in->home, names, n, &p) < 0)
		return OUTCOME_FAIL(oc, "out of memory");
	if (p.n)
		good = stop_sorted(oc, in, &o, p.row, p.n);
	good = good && p.unknown == 0;
	picked_done(&p);
	return good;
}

bool stop_run(
	struct outcomes *oc, const char *home, const struct stop *s, char *const *names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, home, PT_CLIENT, &f);
	bool good = false;

	if (r == -ENOENT && instance_left(&in.home))
		r = ask_revive(&in, oc->watcher, &f);
	if (r == -ENOENT && instance_tableless(&in.home, &f))
		outcome_complain(oc, "%s", f.text);
	else if (r == -ENOENT && n)
		for (size_t i = 0; i < n; i++)
			pick_nowhere(oc, &in.home, names[i]);
	else if (r == -ENOENT)
		outcome_complain(oc, "nothing is running");
	else if (r < 0)
		outcome_complain(oc, "%s", f.text);
	else if (view_load(&in, &v) < 0)
		outcome_complain(oc, "out of memory");
	else
		good = n ? stop_named(oc, &in, &v, names, n, s) : stop_everything(oc, &in, &v, s);
	view_done(&v);
	instance_close(&in);
	return good;
}
