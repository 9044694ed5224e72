/* tend why - the story of one process: its last transitions with their causes, and what comes
 * next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/program.h"
#include "cli/tell.h"
#include "client/eventlog.h"
#include "client/pick.h"
#include "client/view.h"
#include "term/term.h"
#include "words/doc.h"
#include "words/paragraph.h"
#include "words/story.h"

#define LAST 12u /* transitions to tell: two or three crashes with their restarts */

struct names {
	const char **name;
	size_t n;
	bool several; /* more than one was asked for, whatever was found */
};

static bool is_about(const struct pt_event *e, const char *name)
{
	return e->kind != PT_EVENT_DAEMON && strncmp(e->name, name, sizeof(e->name)) == 0;
}

/* False: there was no memory to read them. *ret_n: how many there were at all. */
static bool print_events(const struct pt *pt, const char *name, size_t *ret_n)
{
	char text[STORY_MAX], when[CLOCK_TEXT_MAX];
	struct eventlog log;
	struct pt_event *ev;
	size_t n, total = 0, skip;

	eventlog_oldest(&log, pt);
	*ret_n = 0;
	if (eventlog_read(&log, pt, &ev, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		total += is_about(&ev[i], name);
	skip = total > LAST ? total - LAST : 0;
	if (skip)
		printf("  ... %zu earlier (%s events %s)\n", skip, program_name(), name);
	for (size_t i = 0; i < n; i++) {
		if (!is_about(&ev[i], name))
			continue;
		if (skip)
			skip--;
		else
			printf("  %s %s\n", clock_rfc3339(ev[i].real_ns, when),
				story_event(&ev[i], text));
	}
	free(ev);
	*ret_n = total;
	return true;
}

/* How it does, and whose word that is. */
static void tell_health(const struct view *v, const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	char error[sizeof(h->error) * 4];

	str_visible(error, sizeof(error), h->error);
	printf("Health: %s%s%s%s\n", pt_health_label(h->verdict), error[0] ? " (" : "", error,
		error[0] ? ")" : "");
	if (v->monitor.brake_since_real_ns)
		printf("Brake: restarts of unhealthy processes are held back: %s\n",
			v->monitor.brake_reason);
}

/* All events of it that are still there: *ret to be freed, of those in *ret_all. -ENOMEM. */
static int events_of(const struct pt *pt, const char *name, struct pt_event **ret_all,
	const struct pt_event ***ret, size_t *ret_n)
{
	struct eventlog log;
	size_t n = 0;
	int r;

	*ret_n = 0;
	eventlog_oldest(&log, pt);
	r = eventlog_read(&log, pt, ret_all, &n);
	*ret = r < 0 ? NULL : calloc(n + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < n; i++)
		if (is_about(&(*ret_all)[i], name))
			(*ret)[(*ret_n)++] = &(*ret_all)[i];
	return *ret ? 0 : -ENOMEM;
}

/* False: nothing is known of it, which is said. */
static bool write_one(
	struct json_out *o, const struct instance *in, const struct view *v, const char *name)
{
	struct outcomes oc = tell_begin(false);
	const struct view_row *r = view_find(v, name);
	const struct pt_event **events = NULL;
	struct pt_event *all = NULL;
	size_t n;
	bool known = true;

	if (events_of(in->pt, name, &all, &events, &n) < 0)
		o->error = -ENOMEM;
	else if (r || n)
		doc_why(o, name, v, r, events, n);
	else
		known = false;
	if (!known)
		pick_unknown(&oc, v, &in->home, name);
	free(events);
	free(all);
	return known;
}

/* One object for one name, a list of them for several. */
static int tell_json(const struct instance *in, const struct view *v, const struct names *names)
{
	struct json_out o = { 0 };
	int status = EXIT_OK, printed;

	if (names->several)
		json_open(&o, NULL, '[');
	for (size_t i = 0; i < names->n && !o.error; i++)
		if (!write_one(&o, in, v, names->name[i]))
			status = EXIT_FAIL;
	if (names->several)
		json_close(&o);
	else if (status != EXIT_OK)
		return status;
	printed = printjson(&o);
	return printed == EXIT_OK ? status : printed;
}

static int tell(const struct instance *in, const struct view *v, const char *name)
{
	struct outcomes oc = tell_begin(false);
	char note[STORY_MAX], next[STORY_MAX], span[CLOCK_TEXT_MAX];
	const struct view_row *r = view_find(v, name);
	size_t known;
	bool told;

	if (r) {
		uint64_t since = r->row.life.since_boot_ns;

		printf("%s: %s", name, view_state(r));
		if (v->same_boot && since && v->now_boot_ns > since)
			printf(" for %s", clock_span(v->now_boot_ns - since, span));
		story_note(v, r, note);
		printf(" (%s)\n", note[0] ? note : pt_reason_sentence(r->row.life.reason));
		tell_health(v, r);
	}
	told = print_events(in->pt, name, &known);
	if (r) {
		printf("Next: ");
		paragraph_write(stdout, story_next(v, r, next), 6, term_width());
	}
	if (!told)
		return out_fail("cannot read the events of %s: out of memory", name);
	if (!r && known)
		printf("%s is no longer in the table.\n", name);
	else if (!r)
		pick_unknown(&oc, v, &in->home, name);
	return r || known ? EXIT_OK : EXIT_FAIL;
}

static int tell_all(const struct instance *in, const struct view *v, const struct names *names)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < names->n; i++) {
		if (i)
			putchar('\n');
		if (tell(in, v, names->name[i]) != EXIT_OK)
			status = EXIT_FAIL;
	}
	return status;
}

static void add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->name[i], name) == 0)
			return;
	names->name[names->n++] = name;
}

/* Patterns and groups mean what is in the table; a name may also be one that only events remember.
 * False: some are unknown (said), or no memory. */
static bool find_names(const struct instance *in, const struct view *v, char *const *operand,
	size_t n, struct names *ret)
{
	struct outcomes oc = tell_begin(false);
	bool whole, all = true;

	ret->several = n > 1 || pick_is_pattern(operand[0]);
	ret->name = calloc(n + v->n + 1, sizeof(*ret->name));
	whole = ret->name != NULL;
	for (size_t i = 0; whole && i < n; i++) {
		struct picked p = { .n = 0 };

		if (!pick_is_pattern(operand[i]))
			add_name(ret, operand[i]);
		else
			whole = pick_rows(&oc, v, &in->home, &operand[i], 1, &p) == 0;
		for (size_t k = 0; k < p.n; k++)
			add_name(ret, p.row[k]->row.ident.name);
		all = all && p.unknown == 0;
		picked_done(&p);
	}
	if (!whole)
		out_fail("out of memory");
	return whole && all;
}

static int why(const struct instance *in, char *const *operand, size_t n, bool json)
{
	struct names names = { 0 };
	struct view v = { 0 };
	int status;
	bool all;

	if (view_load(in, &v) < 0)
		return out_fail("out of memory");
	all = find_names(in, &v, operand, n, &names);
	status = names.n == 0 ? EXIT_FAIL
		: json	      ? tell_json(in, &v, &names)
			      : tell_all(in, &v, &names);
	free(names.name);
	view_done(&v);
	return all ? status : EXIT_FAIL;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return out_misuse("NAME missing");
	if (instance_open(&in, NULL, PT_READER, &f) < 0)
		status = out_fail("%s", f.text);
	else
		status = why(&in, argv + optind, (size_t)(argc - optind), json);
	instance_close(&in);
	return status;
}

const struct command cmd_why = {
	.name = "why",
	.summary = "why a process is as it is, and what will happen next",
	.usage = "NAME... [--json]",
	.help = "Its last transitions and who or what caused them.\n"
		"\n"
		"  --json  one JSON object, with all events that are still there; where several names, a\n"
		"          pattern or a group are given, a list of them\n"
		"\n"
		"Examples:\n"
		"  tend why web\n",
	.run = run,
};
