/* client/start.c - a planned start is carried out (client/start.h). */
#include "client/start.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "client/daemons.h"
#include "client/enroll.h"
#include "client/group.h"
#include "client/report.h"
#include "client/shutdown.h"
#include "client/specedit.h"

void start_init(struct start *s)
{
	memset(s, 0, offsetof(struct start, told));
	s->told.list[0] = NULL;
}

bool start_daemons(struct outcomes *oc, struct start *s)
{
	struct fault f = { "" };
	int r = daemons_ensure(&s->in->home, &s->own_daemons, oc->watcher, &f);

	if (r == 0)
		r = instance_attach(s->in, &f);
	if (r < 0)
		return OUTCOME_FAIL(oc, "%s", f.text);
	oc->daemons = s->own_daemons ? "started" : "running";
	return true;
}

/* No registry: take away what of tend was started for it. */
static void abandon(struct outcomes *oc, const struct start *s)
{
	struct ask stop = { 0 };
	struct ask_patience patience = { .doing = "stopping", .oc = oc };
	struct pt_row row;
	struct fault f = { "" };

	if (pt_find(s->in->pt, MESH_NAME, &row) == 0) {
		ask_fill(&stop, PT_COMMAND_STOP, MESH_NAME, 0);
		(void)ask_all(s->in, &stop, 1, &patience, &f);
	}
	if (s->own_daemons && shutdown_idle(s->in, oc->watcher, &f) < 0)
		outcome_complain(oc, "%s", f.text);
}

static bool prepare_registry(struct outcomes *oc, struct start *s)
{
	const char *named = startspec_registry(s->spec);
	bool agents = plan_has_agents(s->plan);

	if (!s->registry_only && (!agents || s->spec->no_registry))
		return !agents || !named || meshaddr_named(oc, s->in, named);
	if (!meshreg_ensure(oc, s->in, s->conf, s->spec->shell, &s->registry))
		return false;
	return !agents ||
		plan_tell(
			oc, s->plan, s->spec, meshaddr_variables(&s->registry, s->conf, &s->told));
}

bool start_registry(struct outcomes *oc, struct start *s)
{
	if (prepare_registry(oc, s))
		return true;
	abandon(oc, s);
	return false;
}

/* Was its specification not made by this start? So it is of stored names, and of what runs
 * already. */
static bool is_kept(const struct ask *a)
{
	return a->answer.code == -EALREADY || (a->answer.code == 0 && !a->spec_text);
}

static void regroup(struct outcomes *oc, const struct start *s)
{
	const char *group = s->spec->base.group;
	struct fault f = { "" };

	for (size_t i = 0; group[0] && i < s->plan->n; i++) {
		const struct ask *a = &s->plan->ask[i];
		int r = is_kept(a) ? group_put(&s->in->home, a->req.name, group, oc->watcher, &f)
				   : 0;

		if (r < 0)
			outcome_complain(oc, "%s", f.text);
		else if (r > 0)
			outcome_say(oc, "%s: now in the group %s", a->req.name, group);
	}
}

/* They take up what is said of health; the rest of how they run holds as they were started. */
static void change_health(struct outcomes *oc, const struct start *s)
{
	const struct spec *said = &s->spec->base;
	struct fault f = { "" };

	if (!said->health && !said->health_check_interval_s)
		return;
	for (size_t i = 0; i < s->plan->n; i++) {
		const struct ask *a = &s->plan->ask[i];
		int r = is_kept(a) ? specedit_health(&s->in->home, a->req.name, said->health,
					     said->health_check_interval_s, oc->watcher, &f)
				   : 0;

		if (r < 0)
			outcome_complain(oc, "%s", f.text);
		else if (r > 0)
			outcome_say(oc, "%s: its health is found out in the new way from now on",
				a->req.name);
	}
}

enum started start_processes(struct outcomes *oc, struct start *s)
{
	struct ask_patience patience = {
		.doing = "starting", .oc = oc, .interruptible = s->interruptible
	};
	struct plan *p = s->plan;
	struct fault f = { "" };
	size_t bad = 0;
	int r = ask_all(s->in, p->ask, p->n, &patience, &f);

	s->interrupted = r == -EINTR;
	if (r < 0 && !s->interrupted) {
		outcome_complain(oc, "%s", f.text);
		return STARTED_UNKNOWN;
	}
	if (s->interrupted) {
		for (size_t i = 0; i < p->n; i++) /* then all of them are to be stopped */
			p->ask[i].answer.code = 0;
	} else {
		bad = report_starts(oc, p->ask, p->n) + (p->wanted - p->n);
		regroup(oc, s);
		change_health(oc, s);
	}
	if (bad && bad == p->wanted)
		return STARTED_NONE;
	if (bad)
		outcome_complain(oc, "%zu of %zu started", p->wanted - bad, p->wanted);
	return STARTED_SOME;
}

bool start_enroll(
	struct outcomes *oc, struct start *s, uint64_t began_real_ns, bool shown, bool ends)
{
	const struct enroll_how how = { .timeout_s = (unsigned)cliconf_number(
						s->conf, CONF_STARTUP_TIMEOUT),
		.url = s->registry.url,
		.shown = shown,
		.began_real_ns = began_real_ns,
		.ends = ends };
	struct plan *p = s->plan;
	struct ask *a;
	size_t n = 0;
	bool good;

	if (s->interrupted || !s->registry.url[0])
		return true;
	a = calloc(p->n + 1, sizeof(*a));
	if (!a)
		return OUTCOME_FAIL(oc, "out of memory");
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i] && p->ask[i].answer.code == 0)
			a[n++] = p->ask[i];
	good = n == 0 || enroll_wait(oc, s->in, a, n, &how);
	free(a);
	return good;
}
