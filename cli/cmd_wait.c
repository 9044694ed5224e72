/* tend wait - sleep on the table's change counter until a process is as wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/instance.h"
#include "client/pick.h"
#include "client/view.h"

/* a process that ends while no spawner lives changes no counter */
#define SLICE_NS (1 * NS_PER_SEC)

enum goal { GOAL_RUNNING, GOAL_STOPPED, GOAL_HEALTHY, GOAL_NONE };

static enum goal goal_of(const char *word)
{
	static const char *const words[] = { "running", "stopped", "healthy" };

	for (unsigned i = 0; i < GOAL_NONE; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum goal)i;
	return GOAL_NONE;
}

static bool is_reached(const struct view_row *r, enum goal goal)
{
	switch (goal) {
	case GOAL_RUNNING:
		return !r->gone && r->row.life.state == PT_STATE_RUNNING;
	case GOAL_HEALTHY:
		return !r->gone && r->row.life.state == PT_STATE_RUNNING &&
			r->row.health.life == r->row.life.life &&
			r->row.health.verdict == PT_HEALTH_HEALTHY;
	default:
		return r->gone || (pt_state_traits(r->row.life.state) & PT_TRAIT_REST);
	}
}

/* 1: reached. 0: not yet. Below: an exit status, negated. seen_before: the process was there at an
 * earlier look. */
static int look(const struct instance *in, const char *name, enum goal goal, bool *seen_before)
{
	struct outcomes oc = tell_begin(false);
	struct view v = { 0 };
	struct view_row *r;
	int result = 0;

	if (view_load(in, &v) < 0)
		return -out_fail("out of memory");
	r = view_find(&v, name);
	if (r)
		result = is_reached(r, goal);
	else if (!*seen_before)
		result = (pick_unknown(&oc, &v, &in->home, name), -EXIT_FAIL);
	else if (goal == GOAL_STOPPED)
		result = 1;
	else
		result = -out_fail("%s was removed", name);
	*seen_before = true;
	view_done(&v);
	return result;
}

static int wait_for(struct instance *in, const char *name, enum goal goal, const char *word,
	uint64_t timeout_ns)
{
	uint64_t begin = clock_boot_ns();
	bool seen_before = false;
	char span[CLOCK_TEXT_MAX];

	for (;;) {
		uint32_t seen = pt_changes(in->pt);
		int r = look(in, name, goal, &seen_before);
		uint64_t passed = clock_boot_ns() - begin;

		if (r == 0)
			out_waiting(begin, "waiting for %s to be %s", name, word);
		else
			out_progress(NULL);
		if (r != 0)
			return r > 0 ? EXIT_OK : -r;
		if (passed >= timeout_ns)
			return out_fail(
				"%s is not %s after %s", name, word, clock_span(timeout_ns, span));
		if (timeout_ns - passed < SLICE_NS)
			r = pt_wait_change(in->pt, seen, timeout_ns - passed);
		else
			r = pt_wait_change(in->pt, seen, SLICE_NS);
		/* When there is no table any more, the last one still says how it ended. */
		if (r == -ETIMEDOUT && !instance_current(in))
			(void)instance_attach(in, NULL);
	}
}

/* One after the other, all within the same time: the last one is the slowest in any case. Patterns
 * and groups mean what is there at the beginning. */
static int wait_for_all(struct instance *in, char *const *names, size_t n, enum goal goal,
	const char *word, uint64_t timeout_ns)
{
	struct outcomes oc = tell_begin(false);
	uint64_t begin = clock_boot_ns();
	struct view v = { 0 };
	struct picked p;
	int status = EXIT_OK;

	if (n == 1 && !pick_is_pattern(names[0]))
		return wait_for(in, names[0], goal, word, timeout_ns);
	if (view_load(in, &v) < 0 || pick_rows(&oc, &v, &in->home, names, n, &p) < 0) {
		view_done(&v);
		return out_fail("out of memory");
	}
	if (p.unknown)
		status = EXIT_FAIL;
	for (size_t i = 0; status == EXIT_OK && i < p.n; i++) {
		uint64_t passed = clock_boot_ns() - begin;

		status = wait_for(in, p.row[i]->row.ident.name, goal, word,
			timeout_ns == UINT64_MAX      ? timeout_ns
				: passed < timeout_ns ? timeout_ns - passed
						      : 0);
	}
	picked_done(&p);
	view_done(&v);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "for", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	const char *word = NULL;
	uint64_t ms = UINT64_MAX;
	enum goal goal;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		if (opt == 'f')
			word = optarg;
		else if (!opts_duration("--timeout", optarg, UINT32_MAX, &ms))
			return EXIT_MISUSE;
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return out_misuse("NAME missing");
	if (!word)
		return out_misuse("--for running, stopped or healthy is missing");
	goal = goal_of(word);
	if (goal == GOAL_NONE)
		return out_misuse("--for %s: expected running, stopped or healthy", word);
	if (instance_open(&in, NULL, PT_READER, &f) < 0)
		status = out_fail("%s", f.text);
	else
		status = wait_for_all(&in, argv + optind, (size_t)(argc - optind), goal, word,
			ms == UINT64_MAX ? ms : ms * NS_PER_MS);
	instance_close(&in);
	return status;
}

const struct command cmd_wait = {
	.name = "wait",
	.summary = "wait until processes are running, stopped or healthy",
	.usage = "NAME... --for running|stopped|healthy [--timeout TIME]",
	.help = "Exit status 1 if it is not so of all of them within TIME.\n"
		"\n"
		"  --for WHAT      running, stopped (whatever rests: stopped, failed or\n"
		"                  completed) or healthy\n"
		"  --timeout TIME  at most so long (default: no limit)\n"
		"\n"
		"Examples:\n"
		"  tend wait web --for healthy --timeout 30s\n",
	.run = run,
};
