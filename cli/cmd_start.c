/*
 * tend start - from files, a command or stored names to running processes. Everything that can be found out without a
 * daemon is
 * found out first, so that a misspelt path starts none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/daemons.h"
#include "cli/foreground.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/resurrect.h"
#include "cli/startopts.h"
#include "cli/term.h"

struct plan {
	struct ask *ask; /* what will be asked */
	char **file;	 /* for each, the agent's file; NULL for a command or a stored name */
	size_t n, wanted;
};

static void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->ask[i].spec_text);
		free(p->file[i]);
	}
	free(p->ask);
	free(p->file);
}

/* text is taken over. */
static void plan_add(struct plan *p, const char *name, char *text, const char *file)
{
	struct ask *a = &p->ask[p->n];

	ask_fill(a, PT_COMMAND_START, name, 0);
	a->spec_text = text;
	if (text)
		snprintf(a->req.spec, sizeof(a->req.spec), ".new-%d-%zu.json", (int)getpid(), p->n);
	p->file[p->n] = file ? strdup(file) : NULL;
	p->n++;
}

/* Two files that would share a name. False: said. */
static bool check_clash(const struct plan *p, const struct agent *a)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->ask[i].req.name, a->name) != 0 || !p->file[i] || strcmp(p->file[i], a->file) == 0)
			continue;
		out_fail("%s and %s would both be called %s; start one of them by itself with --name", p->file[i],
			a->file, a->name);
		return false;
	}
	return true;
}

/* Is this operand no file, but the name of a process that was started before? */
static bool is_stored(const struct instance *in, const char *operand)
{
	char file[NAME_MAX_BYTES + 8];
	struct stat st;

	if (strchr(operand, '/') || name_check(operand, NULL) < 0 || lstat(operand, &st) == 0 || in->home.specs_fd < 0)
		return false;
	spec_file_name(operand, file);
	return fstatat(in->home.specs_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* One operand. False: the whole command is wrong (said); an operand that alone is wrong is said and left out. */
static bool plan_operand(struct plan *p, struct startopts *o, const struct instance *in, const char *operand)
{
	struct fault f = { "" };
	struct agent a;
	char *text = NULL;

	p->wanted++;
	if (is_stored(in, operand)) {
		if (o->shaped) {
			out_fail(
				"%s is started as it was before; options that change how need the FILE or COMMAND again",
				operand);
			return false;
		}
		plan_add(p, operand, NULL, NULL);
		return true;
	}
	if (agentfile_look(operand, o->name, &a, &f) == 0) {
		if (!check_clash(p, &a))
			return false;
		text = startopts_agent(o, &a, &f);
	}
	if (text)
		plan_add(p, a.name, text, a.file);
	else
		out_fail("%s", f.text);
	return true;
}

static bool plan_command(struct plan *p, struct startopts *o, char **command)
{
	struct fault f = { "" };
	char *text = startopts_command(o, command, &f);

	p->wanted++;
	if (text)
		plan_add(p, o->name, text, NULL);
	else
		out_fail("cannot start %s: %s", o->name, f.text);
	return text != NULL;
}

/* What of it this command has really started. */
static bool list_started(const struct plan *p, struct foreground *fg)
{
	fg->name = calloc(p->n, sizeof(*fg->name));
	for (size_t i = 0; fg->name && i < p->n; i++)
		if (p->ask[i].answer.code == 0)
			memcpy(fg->name[fg->n++], p->ask[i].req.name, NAME_MAX_BYTES);
	return fg->name != NULL;
}

static int stay(struct instance *in, const struct plan *p, struct foreground *fg)
{
	int status = EXIT_OK;

	if (!list_started(p, fg))
		return out_fail("out of memory");
	if (fg->n)
		status = foreground_run(in, fg);
	free(fg->name);
	return status;
}

static int carry_out(struct instance *in, struct plan *p, bool background)
{
	struct ask_patience patience = { .doing = "starting", .interruptible = true };
	struct foreground fg = { 0 };
	struct fault f = { "" };
	size_t bad;
	int r = daemons_ensure(&in->home, &fg.own_daemons, &f);

	if (r == 0)
		r = instance_attach(in, &f);
	if (r < 0)
		return out_fail("%s", f.text);
	eventlog_newest(&fg.from, in->pt);
	if (!background)
		term_catch();
	r = ask_all(in, p->ask, p->n, &patience, &f);
	if (r < 0 && r != -EINTR)
		return out_fail("%s", f.text);
	if (r == -EINTR) /* Ctrl-C while they are being started: then stop them */
		for (size_t i = 0; i < p->n; i++)
			p->ask[i].answer.code = 0;
	bad = r == -EINTR ? 0 : report_starts(p->ask, p->n) + (p->wanted - p->n);
	if (bad == p->wanted)
		return EXIT_FAIL;
	if (bad)
		out_warn("%zu of %zu started", p->wanted - bad, p->wanted);
	out_flush();
	return background ? EXIT_OK : stay(in, p, &fg);
}

static int start(struct startopts *o, int operands, char **operand, char **command)
{
	struct instance in = INSTANCE_NONE;
	struct plan p = { .ask = calloc((size_t)operands + 1, sizeof(*p.ask)),
		.file = calloc((size_t)operands + 1, sizeof(*p.file)) };
	struct fault f = { "" };
	int status = EXIT_FAIL;
	bool ok = p.ask && p.file;

	in.access = PT_CLIENT;
	if (!ok) {
		out_fail("out of memory");
		goto out;
	}
	if (home_open(NULL, HOME_CREATE, &in.home, &f) < 0) {
		out_fail("%s", f.text);
		goto out;
	}
	for (int i = 0; ok && i < operands; i++)
		ok = plan_operand(&p, o, &in, operand[i]);
	if (command)
		ok = plan_command(&p, o, command);
	if (ok && p.n)
		status = carry_out(&in, &p, o->background);
out:
	plan_done(&p);
	instance_close(&in);
	return status;
}

/* Where the command begins behind "--", NULL without. */
static char **find_command(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			*argc = i;
			argv[i] = NULL;
			return argv + i + 1;
		}
	}
	return NULL;
}

static int check_use(const struct startopts *o, int operands, char **operand, char **command)
{
	if (command && operands)
		return out_misuse("either FILE or -- COMMAND, not both: %s", operand[0]);
	if (command && !command[0])
		return out_misuse("COMMAND missing behind --");
	if (command && !o->name)
		return out_misuse("a command needs a name: --name NAME");
	if (operands > 1 && o->name)
		return out_misuse("--name is for one FILE");
	if (!command && operands == 0 && o->shaped)
		return out_misuse("FILE missing");
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct startopts o;
	char **command = find_command(&argc, argv);
	int opt = startopts_read(self, argc, argv, &o), status;

	if (opt != OPT_END)
		status = opts_status(opt);
	else if ((status = check_use(&o, argc - optind, argv + optind, command)) == EXIT_OK)
		status = command || optind < argc ? start(&o, argc - optind, argv + optind, command) : resurrect_run();
	startopts_done(&o);
	return status;
}

const struct command cmd_start = {
	.name = "start",
	.summary = "start agents, or any command",
	.usage =
		"FILE... [--background] [OPTION...]\n--name NAME [--background] [OPTION...] -- COMMAND [ARGUMENT...]\nNAME...",
	.help = "A FILE is run by what its suffix names: .py by python3, .js and .mjs by node, .ts by\n"
		"npx tsx, .jar by java -jar; an executable runs as itself. Its name is the file's\n"
		"without the suffix, its folder the file's. NAME alone starts what was started before\n"
		"under that name, as it was. Without operands, what was up when the instance last ran\n"
		"is started again. The daemons are started if needed. Without --background it stays\n"
		"and tells what happens; Ctrl-C then stops what it started.\n"
		"\n"
		"  --background            return once they run\n"
		"  --name NAME             call it NAME\n"
		"  --restart POLICY        no, on-failure (default) or always\n"
		"  --env NAME=VALUE        set an environment variable; may be repeated\n"
		"  --cwd DIR               run it in this folder\n"
		"  --stop-signal SIGNAL    what asks it to end (default SIGTERM)\n"
		"  --stop-timeout TIME     how long it may take to end before SIGKILL (default 30s)\n"
		"  --restart-delay TIME    wait this long before the second restart in a row, then\n"
		"                          twice that, and so on (default 250ms)\n"
		"  --restart-max-delay TIME  but never longer than this (default 30s)\n"
		"  --restart-limit N/TIME  at most N restarts within TIME, then it has failed\n"
		"                          (default 10/5m; 0: no limit)\n"
		"  --stable TIME           a run of this length ends the row of restarts (default\n"
		"                          10s)\n"
		"  --health FILE|WORD      how to find out whether it works: a JSON file with probes,\n"
		"                          policy and limits, or mesh[:PORT], http:URL, tcp:PORT,\n"
		"                          exec:COMMAND, mcp:URL\n"
		"\n"
		"Examples:\n"
		"  tend start weather.py time.js --background\n"
		"  tend start --name web --restart always --background -- python3 -m http.server 8000\n"
		"  tend start\n",
	.run = run,
};
