/*
 * tend complete - what may stand at a place of a command line: for the completions of shells
 * (share/completions), which call it at each Tab. No command of its own for people, so it is not in
 * the table of commands.
 *
 *   tend complete INDEX WORD...     WORD 0 is the program, WORD number INDEX is being typed (and
 *                                   may be missing)
 *
 * One candidate on each line, a tab and a description behind it. ":files" and ":dirs" ask the shell
 * for its own.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "client/group.h"
#include "client/view.h"
#include "config/cliconf.h"
#include "config/spec.h"

#define WORDS_MAX 16

struct place {
	const struct command *c; /* NULL: none yet */
	const char *typed;	 /* of the word, up to the cursor */
	const char *before;	 /* is in front of each candidate: "--level=" */
	char prefix[80];	 /* before, where it is not a literal */
	size_t operands;	 /* complete ones behind the command */
	char *const *operand;
};

static void offer(const struct place *p, const char *candidate, const char *about)
{
	if (strncmp(candidate, p->typed, strlen(p->typed)) != 0)
		return;
	printf("%s%s%s%s\n", p->before, candidate, about[0] ? "\t" : "", about);
}

static void offer_words(const struct place *p, const char *const words[])
{
	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		offer(p, words[i], "");
}

static void offer_commands(const struct place *p)
{
	for (const struct command *const *c = commands_list(); *c; c++)
		offer(p, (*c)->name, (*c)->summary);
}

/* The names in the table. */
static void offer_names(const struct place *p)
{
	struct view v = { 0 };

	if (view_take(NULL, &v, NULL) == 0)
		for (size_t i = 0; i < v.n; i++)
			offer(p, v.row[i].row.ident.name, view_state(&v.row[i]));
	view_done(&v);
}

static void offer_stored(const struct place *p)
{
	struct home h = HOME_INIT;
	char **names = NULL;
	struct fault f;
	size_t n = 0;

	if (home_open(NULL, HOME_READ, &h, NULL) == 0 &&
		group_members(&h, NULL, &names, &n, &f) == 0)
		for (size_t i = 0; i < n; i++)
			offer(p, names[i], "started before");
	group_free(names, n);
	home_close(&h);
}

static void offer_groups(const struct place *p, const char *mark)
{
	char text[NAME_MAX_BYTES + 2];
	struct home h = HOME_INIT;
	char **groups = NULL;
	struct fault f;
	size_t n = 0;

	if (home_open(NULL, HOME_READ, &h, NULL) == 0 && group_all(&h, &groups, &n, &f) == 0)
		for (size_t i = 0; i < n; i++) {
			snprintf(text, sizeof(text), "%s%s", mark, groups[i]);
			offer(p, text, "group");
		}
	group_free(groups, n);
	home_close(&h);
}

static void offer_signals(const struct place *p)
{
	char buf[24];

	for (int signo = 1; signo < 32; signo++)
		offer(p, str_signal_name(signo, buf), "");
}

/* What the help says behind an option, up to the line's end. */
static void describe(const struct command *c, const char *option, char *buf, size_t size)
{
	char name[80];
	const char *at = c->help;

	buf[0] = 0;
	snprintf(name, sizeof(name), "--%s", option);
	while ((at = strstr(at, name)) != NULL) {
		const char *line = at, *end = at + strcspn(at, "\n");
		const char *gap = memmem(at, (size_t)(end - at), "  ", 2);

		at += strlen(name);
		while (line > c->help && line[-1] != '\n')
			line--;
		if (strncmp(line, "  -", 3) != 0 || (*at && !strchr(" ,\n", *at)) || !gap)
			continue;
		gap += strspn(gap, " ");
		snprintf(buf, size, "%.*s", (int)(end - gap), gap);
		return;
	}
}

static void offer_options(const struct place *p, const struct option *options)
{
	char text[80], about[200];

	for (const struct option *o = options; o->name; o++) {
		snprintf(text, sizeof(text), "--%s", o->name);
		describe(p->c, o->name, about, sizeof(about));
		offer(p, text,
			about[0]				? about
				: strcmp(o->name, "help") == 0	? "explain the command"
				: strcmp(o->name, "quiet") == 0 ? "print errors only"
								: "");
	}
}

/* Values, by the option's name: the same name means the same everywhere, but for the formats. */
static void offer_values(const struct place *p, const char *option)
{
	static const struct {
		const char *options, *values[WORDS_MAX];
	} known[] = {
		{ " restart ", { "no", "on-failure", "always" } },
		{ " level log-level ", { "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL" } },
		{ " for ", { "running", "stopped", "healthy" } },
		{ " health ", { "mesh", "http:", "tcp:", "exec:", "mcp:", ":files" } },
		{ " cwd ", { ":dirs" } },
		{ " db-path output ", { ":files" } },
	};
	static const char *const config_formats[] = { "yaml", "json", NULL },
				 *const log_formats[] = { "text", "json", "csv", "raw", NULL };
	char mark[80];

	snprintf(mark, sizeof(mark), " %s ", option);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (size_t k = 0;
			strstr(known[i].options, mark) && k < WORDS_MAX && known[i].values[k]; k++)
			if (known[i].values[k][0] == ':')
				puts(known[i].values[k]);
			else
				offer(p, known[i].values[k], "");
	if (strcmp(option, "format") == 0)
		offer_words(p, strcmp(p->c->name, "config") == 0 ? config_formats : log_formats);
	else if (strcmp(option, "stop-signal") == 0)
		offer_signals(p);
	else if (strcmp(option, "agent") == 0)
		offer_names(p);
	else if (strcmp(option, "group") == 0)
		offer_groups(p, "");
}

static void offer_config(const struct place *p)
{
	static const char *const actions[] = { "show", "set", "reset", "path", "save", NULL };

	if (p->operands == 0)
		offer_words(p, actions);
	for (unsigned k = 0; p->operands == 1 && strcmp(p->operand[0], "set") == 0 && k < CONF_KEYS;
		k++)
		offer(p, cliconf_name((enum conf_key)k), "");
}

static void offer_operands(const struct place *p)
{
	static const char *const log_verbs[] = { "export", "size", "rotate", NULL };
	static const char many[] = " stop restart status list remove logs wait why events ",
			  one[] = " restart-agent signal ";
	const char *name = p->c->name;
	char mark[40];

	snprintf(mark, sizeof(mark), " %s ", name);
	if (strstr(many, mark) || (strstr(one, mark) && p->operands == 0))
		offer_names(p);
	if (strstr(many, mark))
		offer_groups(p, "@");
	if (strcmp(name, "logs") == 0 && p->operands == 0)
		offer_words(p, log_verbs);
	else if (strcmp(name, "signal") == 0 && p->operands == 1)
		offer_signals(p);
	else if (strcmp(name, "group") == 0 && p->operands == 0)
		offer_groups(p, "");
	else if (strcmp(name, "group") == 0)
		offer_stored(p);
	else if (strcmp(name, "help") == 0)
		offer_commands(p);
	else if (strcmp(name, "config") == 0)
		offer_config(p);
	else if (strcmp(name, "start") == 0) {
		offer_stored(p);
		offer_groups(p, "@");
		puts(":files");
	}
}

/* The option that takes the word behind this one as its value, or NULL. */
static const char *value_of(const char *word, const struct option *options)
{
	if (strncmp(word, "--", 2) != 0 || strchr(word, '='))
		return NULL;
	for (const struct option *o = options; o->name; o++)
		if (o->has_arg == required_argument && strcmp(o->name, word + 2) == 0)
			return o->name;
	return NULL;
}

static void complete_word(struct place *p, char **word, size_t index)
{
	const struct option *options = opts_of(p->c);
	const char *option = value_of(word[index - 1], options), *equals = strchr(p->typed, '=');

	/* bash makes words of "--level", "=" and "WA". */
	if (!option && strcmp(word[index - 1], "=") == 0 && index > 2)
		option = value_of(word[index - 2], options);
	if (!option && strcmp(p->typed, "=") == 0 && (option = value_of(word[index - 1], options)))
		p->typed = "";
	if (!option && strncmp(p->typed, "--", 2) == 0 && equals) {
		snprintf(p->prefix, sizeof(p->prefix), "%.*s", (int)(equals - p->typed), p->typed);
		option = value_of(p->prefix, options);
		snprintf(p->prefix, sizeof(p->prefix), "%.*s", (int)(equals - p->typed + 1),
			p->typed);
		p->before = p->prefix;
		p->typed = equals + 1;
	}
	for (size_t i = 2; i < index; i++) {
		if (value_of(word[i], options)) {
			i++;
		} else if (word[i][0] != '-') {
			p->operand = p->operands ? p->operand : &word[i];
			p->operands++;
		} else if (strcmp(word[i], "--") == 0) {
			puts(":files"); /* any command */
			return;
		}
	}
	if (option)
		offer_values(p, option);
	else if (p->typed[0] == '-')
		offer_options(p, options);
	else
		offer_operands(p);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct place p = { .before = "" };
	int64_t index;

	(void)self;
	if (argc < 3 || str_int(argv[1], 1, argc - 2, &index) < 0)
		return EXIT_MISUSE;
	argv += 2;
	argc -= 2;
	p.typed = index < argc ? argv[index] : "";
	if (strcmp(p.typed, "=") == 0 && index == 1)
		return EXIT_OK;
	p.c = index > 1 ? commands_find(argv[1]) : NULL;
	if (index == 1)
		offer_commands(&p);
	if (index == 1 && p.typed[0] == '-') {
		offer(&p, "--help", "list the commands");
		offer(&p, "--version", "print the version");
	}
	if (p.c)
		complete_word(&p, argv, (size_t)index);
	return EXIT_OK;
}

const struct command cmd_complete = {
	.name = "complete", .summary = "", .usage = "INDEX WORD...", .help = "", .run = run
};
