/* cli/startrun.c - a planned start is carried out (cli/startrun.h). */
#include "cli/startrun.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/foreground.h"
#include "cli/livelog.h"
#include "cli/tell.h"
#include "client/group.h"
#include "client/specedit.h"
#include "term/term.h"

/* What of it this command has really started. */
static bool list_started(const struct start *s, struct foreground *fg)
{
	const struct plan *p = s->plan;

	fg->name = calloc(p->n + 1, sizeof(*fg->name));
	for (size_t i = 0; fg->name && i < p->n; i++)
		if (p->ask[i].answer.code == 0)
			memcpy(fg->name[fg->n++], p->ask[i].req.name, NAME_MAX_BYTES);
	fg->agents = fg->n;
	if (fg->name && s->registry.started)
		str_copy(fg->name[fg->n++], NAME_MAX_BYTES, MESH_NAME);
	return fg->name != NULL;
}

/* What came to nothing is ended instead of stayed with. */
static int stay(struct outcomes *oc, const struct start *s, struct foreground *fg, bool good)
{
	int status = EXIT_OK;

	if (!list_started(s, fg))
		return TELL_FAIL(oc, "out of memory");
	if (!good)
		status = foreground_give_up(oc, s->in, fg);
	else if (fg->n)
		status = foreground_run(oc, s->in, fg);
	free(fg->name);
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

/* live: NULL for whoever does not stay. */
static int start_and_stay(
	struct outcomes *oc, struct start *s, struct foreground *fg, struct livelog *live)
{
	uint64_t began = clock_real_ns();
	enum started how;
	bool good;

	eventlog_newest(&fg->from, s->in->pt);
	how = start_processes(oc, s);
	if (how == STARTED_UNKNOWN || (how == STARTED_NONE && !fg->stays))
		return EXIT_FAIL;
	if (how == STARTED_NONE)
		return stay(oc, s, fg, false);
	outcome_pause(oc);
	show_output(oc, live);
	good = start_enroll(oc, s, began, live != NULL, fg->stays);
	if (!fg->stays)
		return good ? EXIT_OK : EXIT_FAIL;
	return stay(oc, s, fg, good);
}

int startrun(struct outcomes *oc, struct start *s, bool stays)
{
	struct foreground fg = { .stays = stays };
	struct livelog *live = NULL;
	int status = EXIT_FAIL;

	if (!start_daemons(oc, s))
		return EXIT_FAIL;
	fg.own_daemons = s->own_daemons;
	if (stays) {
		term_catch();
		live = watch_output(oc, s->in, s->plan);
	}
	if (start_registry(oc, s))
		status = start_and_stay(oc, s, &fg, live);
	livelog_end(live);
	return status;
}
