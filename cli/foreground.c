/* cli/foreground.c - staying with what was started (cli/foreground.h). */
#include "cli/foreground.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/tell.h"
#include "client/daemons.h"
#include "client/shutdown.h"
#include "client/stop.h"
#include "words/story.h"

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
	outcome_pause(oc);
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

/* The last that was started is asked first; the registry last of all. Ctrl-C once more kills. */
static int stop_ours(
	struct outcomes *oc, struct instance *in, const struct foreground *fg, size_t from)
{
	const struct stop how = { .stops = 1 };
	const char **name = calloc(fg->n + 1, sizeof(*name));
	size_t n = 0;
	bool good;

	if (!name)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = fg->agents; i-- > from;)
		name[n++] = fg->name[i];
	for (size_t i = fg->n; i-- > fg->agents;)
		name[n++] = fg->name[i];
	good = stop_names(oc, in, &how, name, n, fg->n - fg->agents);
	free(name);
	return good ? EXIT_OK : EXIT_FAIL;
}

static int end_by_signal(struct outcomes *oc, struct instance *in, struct foreground *fg)
{
	int status;

	outcome_say(oc, "stopping; Ctrl-C once more kills");
	outcome_pause(oc);
	status = stop_ours(oc, in, fg, 0);
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
	while (watcher_stops(oc->watcher) == 0) {
		uint32_t seen = pt_changes(in->pt);

		tell_news(oc, in, fg);
		if (all_rest(in, fg, &failed)) {
			/* a registry does not keep us alone */
			int status = stop_ours(oc, in, fg, fg->agents);

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
	if (stop_ours(oc, in, fg, 0) == EXIT_OK)
		(void)end_daemons(oc, in, fg);
	return EXIT_FAIL;
}
