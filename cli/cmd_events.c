/* tend events - what happened, from the event rings, which outlive every daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/tell.h"
#include "client/eventlog.h"
#include "client/group.h"
#include "client/instance.h"
#include "client/pick.h"
#include "term/term.h"
#include "words/doc.h"
#include "words/story.h"

/* nobody announces that a table was left behind by guardians that are gone */
#define SLICE_NS (1 * NS_PER_SEC)

struct show {
	char *const *operand; /* names, patterns and groups; none: all */
	size_t n;
	struct home home; /* where the groups are */
	bool json, follow;
};

static bool is_wanted(const struct show *s, const struct pt_event *e)
{
	char name[PT_NAME_MAX + 1] = "";

	memcpy(name, e->name, sizeof(e->name));
	for (size_t i = 0; i < s->n; i++)
		if (pick_matches(&s->home, s->operand[i], name))
			return true;
	return s->n == 0;
}

/* Groups in which nobody is are a slip; a name may be one that is yet to come. */
static bool has_groups(const struct show *s)
{
	struct outcomes oc = tell_begin(false);
	struct fault f = { "" };
	bool all = true;

	for (size_t i = 0; i < s->n; i++) {
		char **names = NULL;
		size_t n = 0;

		if (!group_is(s->operand[i]))
			continue;
		if (group_members(&s->home, s->operand[i], &names, &n, &f) < 0)
			all = out_fail("%s", f.text) == EXIT_OK;
		else if (n == 0)
			group_empty(&oc, s->operand[i]), all = false;
		group_free(names, n);
	}
	return all;
}

static void print_one(const struct pt_event *e, bool json)
{
	char text[STORY_MAX], when[CLOCK_TEXT_MAX];
	struct json_out o = { .one_line = true };

	if (json) {
		doc_event(&o, e);
		(void)printjson(&o);
	} else {
		printf("%s %s\n", clock_rfc3339(e->real_ns, when), story_event(e, text));
	}
}

static bool print_new(const struct instance *in, struct eventlog *log, const struct show *s)
{
	struct pt_event *ev;
	size_t n;

	if (eventlog_read(log, in->pt, &ev, &n) < 0) {
		out_fail("out of memory");
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (is_wanted(s, &ev[i]))
			print_one(&ev[i], s->json);
	free(ev);
	return out_flush();
}

static int follow(struct instance *in, struct eventlog *log, const struct show *s)
{
	struct fault f = { "" };
	int r;

	while (term_caught() == 0) {
		uint32_t seen = pt_changes(in->pt);

		if (!print_new(in, log, s))
			return EXIT_FAIL;
		r = pt_wait_change(in->pt, seen, SLICE_NS);
		if (r != -ETIMEDOUT || instance_current(in))
			continue;
		r = instance_attach(in, &f);
		if (r < 0 && r != -ENOENT)
			return out_fail("%s", f.text);
		/* -ENOENT: the instance was stopped. Stay: it may be started again. */
	}
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct show s = { .home = HOME_INIT };
	struct eventlog log;
	struct fault f = { "" };
	int opt, r, status = EXIT_OK;
	bool known;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		s.json = s.json || opt == 'j';
		s.follow = s.follow || opt == 'f';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	s.operand = argv + optind;
	s.n = (size_t)(argc - optind);
	r = instance_open(&in, NULL, PT_READER, &f);
	if (r < 0) {
		instance_close(&in);
		return r == -ENOENT && !s.follow ? EXIT_OK : out_fail("%s", f.text);
	}
	eventlog_oldest(&log, in.pt);
	(void)home_open(NULL, HOME_READ, &s.home, NULL);
	known = has_groups(&s);
	if (known && s.follow) {
		term_catch();
		status = follow(&in, &log, &s);
	} else if (!known || !print_new(&in, &log, &s)) {
		status = EXIT_FAIL;
	}
	home_close(&s.home);
	instance_close(&in);
	return status;
}

const struct command cmd_events = {
	.name = "events",
	.summary = "what happened, in order of time",
	.usage = "[NAME...] [--follow] [--json]",
	.help = "NAME: of these processes (or daemons) only. The newest few thousand events are\n"
		"kept, also when every daemon is dead.\n"
		"\n"
		"  --follow  go on until Ctrl-C\n"
		"  --json    one JSON object on each line\n"
		"\n"
		"Examples:\n"
		"  tend events web 'api-*' --follow\n",
	.run = run,
};
