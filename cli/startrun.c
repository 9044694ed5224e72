/* cli/startrun.c - a planned start is carried out (cli/startrun.h). */
#include "cli/startrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/daemons.h"
#include "client/enroll.h"
#include "cli/foreground.h"
#include "cli/group.h"
#include "cli/livelog.h"
#include "cli/out.h"
#include "cli/meshreg.h"
#include "cli/shell.h"
#include "client/report.h"
#include "client/shutdown.h"
#include "cli/specedit.h"
#include "cli/tell.h"
#include "term/term.h"

/* What of it this command has really started. */
static bool list_started(const struct plan *p, struct foreground *fg, const struct meshaddr *reg)
{
	fg->name = calloc(p->n + 1, sizeof(*fg->name));
	for (size_t i = 0; fg->name && i < p->n; i++)
		if (p->ask[i].answer.code == 0)
			memcpy(fg->name[fg->n++], p->ask[i].req.name, NAME_MAX_BYTES);
	fg->agents = fg->n;
	if (fg->name && reg->started)
		str_copy(fg->name[fg->n++], NAME_MAX_BYTES, MESH_NAME);
	return fg->name != NULL;
}

/* What came to nothing is ended instead of stayed with. */
static int stay(struct outcomes *oc, struct instance *in, const struct plan *p,
	struct foreground *fg, const struct meshaddr *reg, bool good)
{
	int status = EXIT_OK;

	if (!list_started(p, fg, reg))
		return TELL_FAIL(oc, "out of memory");
	if (!good)
		status = foreground_give_up(oc, in, fg);
	else if (fg->n)
		status = foreground_run(oc, in, fg);
	free(fg->name);
	return status;
}

/* No registry: take away what of tend was started for it. */
static int abandon(struct outcomes *oc, struct instance *in, const struct foreground *fg)
{
	struct ask stop = { 0 };
	struct ask_patience patience = { .doing = "stopping", .oc = oc };
	struct pt_row row;
	struct fault f = { "" };

	if (pt_find(in->pt, MESH_NAME, &row) == 0) {
		ask_fill(&stop, PT_COMMAND_STOP, MESH_NAME, 0);
		(void)ask_all(in, &stop, 1, &patience, &f);
	}
	if (fg->own_daemons && shutdown_idle(in, oc->watcher, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	return EXIT_FAIL;
}

/* The registry, where one is wanted; ret_url stays empty without. False: said. */
static bool prepare_registry(struct outcomes *oc, struct instance *in, struct plan *p,
	struct startopts *o, const struct cliconf *c, struct meshaddr *ret)
{
	struct meshaddr_variables told;

	memset(ret, 0, sizeof(*ret));
	if (!o->registry_only && (!plan_has_agents(p) || o->no_registry))
		return !plan_has_agents(p) || !startopts_registry(o) ||
			meshaddr_named(oc, in, startopts_registry(o));
	if (!meshreg_ensure(oc, in, c, shell_own(), ret))
		return false;
	return !plan_has_agents(p) || plan_tell(oc, p, o, meshaddr_variables(ret, c, &told));
}

/* Agents that were started now, in the front; those that run already are not waited for. */
static int enroll(struct outcomes *oc, struct instance *in, const struct plan *p,
	const struct enroll_how *how)
{
	struct ask *a = calloc(p->n + 1, sizeof(*a));
	size_t n = 0;
	int status;

	if (!a)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i] && p->ask[i].answer.code == 0)
			a[n++] = p->ask[i];
	status = n == 0 || enroll_wait(oc, in, a, n, how) ? EXIT_OK : EXIT_FAIL;
	free(a);
	return status;
}

/* What they write is followed from before they are started. A registry alone is shown, beside
 * agents it is not. */
static struct livelog *watch_output(
	struct outcomes *oc, const struct instance *in, const struct plan *p)
{
	const char **names = calloc(p->n + 1, sizeof(*names));
	struct livelog *l = NULL;
	struct fault f = { "out of memory" };

	for (size_t i = 0; names && i < p->n; i++)
		names[i] = p->ask[i].req.name;
	if (names && p->n == 0)
		names[0] = MESH_NAME;
	if (!names || livelog_open(in->home.logs_fd, names, p->n ? p->n : 1, &l, &f) < 0)
		outcome_complain(oc, "what they write can't be shown: %s", f.text);
	free(names);
	return l;
}

static void show_output(struct outcomes *oc, struct livelog *l)
{
	struct fault f = { "" };

	if (l && livelog_begin(l, &f) < 0)
		outcome_complain(oc, "what they write can't be shown: %s", f.text);
}

/* Ctrl-C while they are being started: then all of them are to be stopped. */
static void count_as_started(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->ask[i].answer.code = 0;
}

/* Was its specification not made by this command? So it is of stored names, and of what runs
 * already. */
static bool is_kept(const struct ask *a)
{
	return a->answer.code == -EALREADY || (a->answer.code == 0 && !a->spec_text);
}

static void regroup(
	struct outcomes *oc, const struct home *h, const struct plan *p, const char *group)
{
	struct fault f = { "" };

	for (size_t i = 0; group[0] && i < p->n; i++) {
		const char *name = p->ask[i].req.name;
		int r = is_kept(&p->ask[i]) ? group_put(h, name, group, oc->watcher, &f) : 0;

		if (r < 0)
			outcome_complain(oc, "%s", f.text);
		else if (r > 0)
			outcome_say(oc, "%s: now in the group %s", name, group);
	}
}

/* They take up what is said of health; the rest of how they run holds as they were started. */
static void change_health(
	struct outcomes *oc, const struct home *h, const struct plan *p, const struct spec *said)
{
	struct fault f = { "" };

	for (size_t i = 0; (said->health || said->health_check_interval_s) && i < p->n; i++) {
		const char *name = p->ask[i].req.name;
		int r = is_kept(&p->ask[i])
			? specedit_health(h, name, said->health, said->health_check_interval_s,
				  oc->watcher, &f)
			: 0;

		if (r < 0)
			outcome_complain(oc, "%s", f.text);
		else if (r > 0)
			outcome_say(
				oc, "%s: its health is found out in the new way from now on", name);
	}
}

/* live: NULL for who does not stay. */
static int ask_and_stay(struct outcomes *oc, struct instance *in, struct plan *p,
	const struct startopts *o, const struct cliconf *c, const struct meshaddr *reg,
	struct foreground *fg, struct livelog *live)
{
	struct ask_patience patience = { .doing = "starting", .oc = oc, .interruptible = true };
	struct enroll_how how = { .timeout_s = (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT),
		.url = reg->url,
		.shown = live != NULL,
		.began_real_ns = clock_real_ns(),
		.ends = fg->stays };
	int enrolled = EXIT_OK, r;
	struct fault f = { "" };
	size_t bad = 0;

	eventlog_newest(&fg->from, in->pt);
	r = ask_all(in, p->ask, p->n, &patience, &f);
	if (r < 0 && r != -EINTR)
		return TELL_FAIL(oc, "%s", f.text);
	if (r == -EINTR)
		count_as_started(p);
	else
		bad = report_starts(oc, p->ask, p->n) + (p->wanted - p->n);
	if (r == 0)
		regroup(oc, &in->home, p, o->base.group);
	if (r == 0)
		change_health(oc, &in->home, p, &o->base);
	if (bad && bad == p->wanted)
		return fg->stays ? stay(oc, in, p, fg, reg, false) : EXIT_FAIL;
	if (bad)
		outcome_complain(oc, "%zu of %zu started", p->wanted - bad, p->wanted);
	out_flush();
	show_output(oc, live);
	if (r == 0 && reg->url[0])
		enrolled = enroll(oc, in, p, &how);
	if (!fg->stays)
		return enrolled;
	return stay(oc, in, p, fg, reg, enrolled == EXIT_OK);
}

int startrun(struct outcomes *oc, struct instance *in, struct plan *p, struct startopts *o,
	const struct cliconf *c)
{
	struct foreground fg = { .stays = !o->background };
	struct livelog *live = NULL;
	struct meshaddr reg;
	struct fault f = { "" };
	int r = daemons_ensure(&in->home, &fg.own_daemons, oc->watcher, &f), status;

	if (r == 0)
		r = instance_attach(in, &f);
	if (r < 0)
		return TELL_FAIL(oc, "%s", f.text);
	oc->daemons = fg.own_daemons ? "started" : "running";
	if (fg.stays) {
		term_catch();
		live = watch_output(oc, in, p);
	}
	status = prepare_registry(oc, in, p, o, c, &reg)
		? ask_and_stay(oc, in, p, o, c, &reg, &fg, live)
		: abandon(oc, in, &fg);
	livelog_end(live);
	return status;
}
