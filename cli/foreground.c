/* cli/foreground.c - staying with what was started (cli/foreground.h). */
#include "cli/foreground.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/daemons.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/shutdown.h"
#include "cli/story.h"
#include "cli/tell.h"
#include "term/term.h"

/* nobody announces that the guardian died and the table with it */
#define SLICE_NS (1 * NS_PER_SEC)

static bool is_ours(const struct foreground *fg, const char *name)
{
	for (size_t i = 0; i < fg->n; i++)
		if (strncmp(fg->name[i], name, NAME_MAX_BYTES) == 0)
			return true;
	return false;
}

/* The first steps of a start are what the person has just read. */
static bool is_news(const struct pt_event *e)
{
	return !(e->kind == PT_EVENT_ADDED ||
		(e->kind == PT_EVENT_STATE &&
			(e->to == PT_STATE_STARTING ||
				(e->to == PT_STATE_RUNNING && e->by_pid > 0))));
}

static void tell_news(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	char text[STORY_MAX], when[CLOCK_TEXT_MAX];
	struct pt_event *ev;
	size_t n;

	if (eventlog_read(&fg->from, in->pt, &ev, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (memchr(ev[i].name, 0, sizeof(ev[i].name)) && is_ours(fg, ev[i].name) &&
			is_news(&ev[i]))
			outcome_say(oc, "%s %s", clock_rfc3339(ev[i].real_ns, when),
				story_event(&ev[i], text));
	free(ev);
	out_flush();
}

/* Do all of them rest? A process that was removed does. *ret_failed: one of them failed. */
static bool all_rest(const struct instance *in, const struct foreground *fg, bool *ret_failed)
{
	struct pt_row row;

	*ret_failed = false;
	for (size_t i = 0; i < (fg->agents ? fg->agents : fg->n); i++) {
		if (pt_find(in->pt, fg->name[i], &row) < 0)
			continue;
		if (!(pt_state_traits(row.life.state) & PT_TRAIT_REST))
			return false;
		*ret_failed = *ret_failed || row.life.state == PT_STATE_FAILED;
	}
	return true;
}

/* The daemons that we started end with us, unless someone else uses them by now. */
static int end_daemons(struct outcomes *oc, struct instance *in, const struct foreground *fg)
{
	struct fault f = { "" };

	if (!fg->own_daemons)
		return EXIT_OK;
	return shutdown_idle(in, oc->watcher, &f) < 0 ? TELL_FAIL(oc, "%s", f.text) : EXIT_OK;
}

/* Ctrl-C once more: what has not answered yet is killed. */
static int kill_rest(
	struct outcomes *oc, struct instance *in, struct ask *a, size_t n, struct fault *f)
{
	const struct ask_patience patience = {
		.doing = "killing", .oc = oc, .interruptible = true, .dealt_with = 2
	};
	struct ask *rest = calloc(n + 1, sizeof(*rest));
	size_t k = 0;
	int r;

	if (!rest)
		return fault_set(f, -ENOMEM, "out of memory");
	outcome_say(oc, "killing");
	out_flush();
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

/* The last that was started is asked first. */
static int stop_part(
	struct outcomes *oc, struct instance *in, struct foreground *fg, size_t from, size_t to)
{
	const struct ask_patience patience = {
		.doing = "stopping", .oc = oc, .interruptible = true, .dealt_with = 1
	};
	struct ask *a = calloc(to - from + 1, sizeof(*a));
	size_t n = to - from;
	struct fault f = { "" };
	int r, status;

	if (!a)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++)
		ask_fill(&a[i], PT_COMMAND_STOP, fg->name[to - 1 - i], 0);
	r = n ? ask_all(in, a, n, &patience, &f) : 0;
	if (r == -EINTR)
		r = kill_rest(oc, in, a, n, &f);
	status = r < 0
		? TELL_FAIL(oc, "%s",
			  r == -EINTR ? "interrupted; the daemons go on stopping them" : f.text)
		: report_stops(oc, in, a, n) ? EXIT_FAIL
					     : EXIT_OK;
	free(a);
	return status;
}

/* The registry last: agents say goodbye to it. */
static int stop_ours(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	int first = stop_part(oc, in, fg, 0, fg->agents), second;

	out_flush();
	second = stop_part(oc, in, fg, fg->agents, fg->n);
	return first == EXIT_OK ? second : first;
}

static int end_by_signal(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	int status;

	outcome_say(oc, "stopping; Ctrl-C once more kills");
	out_flush();
	status = stop_ours(oc, in, fg);
	if (status == EXIT_OK)
		status = end_daemons(oc, in, fg);
	return status;
}

/* A slice passed without a change: is the table still the right one, and is there someone to change
 * it? */
static int look_around(struct instance *in, const struct watcher *w, struct fault *f)
{
	int r = daemons_ensure(&in->home, NULL, w, f);

	return r == 0 && !instance_current(in) ? instance_attach(in, f) : r;
}

int foreground_run(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	struct fault f = { "" };
	bool failed = false;
	int r = 0;

	outcome_say(oc, "Ctrl-C stops %s", fg->n == 1 ? "it" : "them");
	while (term_caught() == 0) {
		uint32_t seen = pt_changes(in->pt);

		tell_news(oc, in, fg);
		if (all_rest(in, fg, &failed)) {
			int status = fg->agents < fg->n ? stop_part(oc, in, fg, fg->agents, fg->n)
							: EXIT_OK;

			if (status == EXIT_OK)
				status = end_daemons(oc, in, fg);

			return failed ? EXIT_FAIL : status;
		}
		r = pt_wait_change(in->pt, seen, SLICE_NS);
		if (r == -ETIMEDOUT && look_around(in, oc->watcher, &f) < 0)
			return TELL_FAIL(oc, "%s", f.text);
	}
	return end_by_signal(oc, in, fg);
}

int foreground_give_up(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	if (stop_ours(oc, in, fg) == EXIT_OK)
		(void)end_daemons(oc, in, fg);
	return EXIT_FAIL;
}
