/* tend orphans - what tend started once and nobody looks after any more. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "client/strays.h"
#include "term/texttable.h"
#include "words/doc.h"

#define END_TIMEOUT_MS 5000u

static int print_json(const struct stray *list, size_t n)
{
	struct json_out o = { 0 };

	doc_orphans(&o, list, n);
	return printjson(&o);
}

static void add_row(struct texttable *t, const struct stray *o)
{
	char text[4 * (PROOF_TEXT_MAX + STRAY_HOME_MAX + PT_COMMAND_TEXT)], span[CLOCK_TEXT_MAX],
		why[PROOF_TEXT_MAX + 16];

	snprintf(text, sizeof(text), "%d", (int)o->pid);
	texttable_cell(t, text, true, TERM_PLAIN);
	(void)str_visible(text, sizeof(text), o->name);
	texttable_cell(t, text, false, TERM_BOLD);
	texttable_cell(t, clock_span(o->age_ns, span), true, TERM_PLAIN);
	snprintf(text, sizeof(text), "%.1fM", (double)o->memory_bytes / (1 << 20));
	texttable_cell(t, text, true, TERM_PLAIN);
	snprintf(why, sizeof(why), "%s%s", o->proved ? "" : "can't tell: ", o->why);
	(void)str_visible(text, sizeof(text), why);
	texttable_cell(t, text, false, o->proved ? TERM_YELLOW : TERM_DIM);
	(void)str_visible(text, sizeof(text), o->home);
	texttable_cell(t, text, false, TERM_DIM);
	(void)str_visible(text, sizeof(text), o->command);
	texttable_cell(t, text, false, TERM_PLAIN);
}

static int print_text(const struct stray *o, size_t n)
{
	static const char *const titles[] = { "PID", "NAME", "AGE", "MEM", "WHY", "HOME",
		"COMMAND" };
	const size_t columns = sizeof(titles) / sizeof(titles[0]);
	struct texttable *t;
	bool whole;

	if (n == 0) {
		printf("no orphans\n");
		return EXIT_OK;
	}
	t = texttable_new(columns);
	for (size_t i = 0; t && i < columns; i++)
		texttable_cell(t, titles[i], i == 0 || i == 2 || i == 3, TERM_BOLD);
	for (size_t i = 0; t && i < n; i++)
		add_row(t, &o[i]);
	whole = t && texttable_whole(t);
	if (whole)
		texttable_print(t, term_width());
	texttable_free(t);
	return whole ? EXIT_OK : out_fail("out of memory");
}

static size_t count_proved(const struct stray *o, size_t n)
{
	size_t proved = 0;

	for (size_t i = 0; i < n; i++)
		proved += o[i].proved;
	return proved;
}

static int end_them(const struct stray *o, size_t n, bool json)
{
	size_t proved = count_proved(o, n), left;

	if (proved) {
		out_progress("ending orphans ...");
		left = strays_end(o, n, END_TIMEOUT_MS);
		out_progress(NULL);
		if (left)
			return out_fail("%zu of %zu could not be ended", left, proved);
	}
	if (n && !json)
		printf("%zu ended%s\n", proved,
			proved < n
				? ", the others are left alone: that they are nobody's is not proved"
				: "");
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "kill", no_argument, NULL, 'k' }, { 0 } };
	struct stray *o = NULL;
	struct fault f = { "" };
	bool json = false, end = false;
	size_t n = 0;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		json = json || opt == 'j';
		end = end || opt == 'k';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (strays_find(&o, &n, &f) < 0)
		return out_fail("%s", f.text);
	status = json ? print_json(o, n) : print_text(o, n);
	if (end && status == EXIT_OK)
		status = end_them(o, n, json);
	free(o);
	return status;
}

const struct command cmd_orphans = {
	.name = "orphans",
	.summary = "find what tend started once and nobody looks after any more",
	.usage = "[--kill] [--json]",
	.help = "Each process that tend starts, and whatever that starts, carries TEND_INSTANCE\n"
		"in its environment. Those that no daemon looks after and no live record knows\n"
		"are listed: after a crash of everything, or when a home was deleted. All\n"
		"instances are looked at, not only the one that TEND_HOME names.\n"
		"\n"
		"An orphan is what is proved to be nobody's: its home is gone, no daemon is among\n"
		"its ancestors, and it is this user's, in this container. Of anything else the\n"
		"reason why that is unknown is shown: the home is another user's, can't be\n"
		"opened or read, was moved, or its instance will take the process over when it is\n"
		"started.\n"
		"\n"
		"  --kill  end the orphans: SIGTERM, and SIGKILL after 5 s. Nothing else is\n"
		"          touched\n"
		"  --json  one JSON list; \"orphan\" is true of what --kill ends\n"
		"\n"
		"Examples:\n"
		"  tend orphans --kill\n",
	.run = run,
};
