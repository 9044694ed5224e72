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
#include "cli/conf.h"
#include "cli/daemons.h"
#include "cli/enroll.h"
#include "cli/foreground.h"
#include "cli/group.h"
#include "cli/livelog.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/registry.h"
#include "cli/report.h"
#include "cli/resurrect.h"
#include "cli/shutdown.h"
#include "cli/startopts.h"
#include "cli/term.h"
#include "config/desired.h"

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

/* Room for so many more. */
static bool plan_grow(struct plan *p, size_t more)
{
	struct ask *ask = reallocarray(p->ask, p->n + more, sizeof(*ask));
	char **file;

	if (!ask)
		return false;
	p->ask = ask;
	file = reallocarray(p->file, p->n + more, sizeof(*file));
	if (!file)
		return false;
	p->file = file;
	return true;
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

/* All that is known of a group, as each was started before. left: operands from here on. */
static bool plan_group(struct plan *p, const struct startopts *o, const struct instance *in, const char *operand, size_t left)
{
	struct fault f = { "" };
	char **names = NULL;
	size_t n = 0;
	int r = group_members(&in->home, operand, &names, &n, &f);

	if (r == 0 && n == 0)
		r = group_empty(operand);
	else if (r == 0 && o->shaped)
		r = out_fail("%s are started as they were before; options that change how need the FILE or COMMAND again", operand);
	else if (r < 0)
		out_fail("%s", f.text);
	else if (!plan_grow(p, n + left))
		r = out_fail("out of memory");
	for (size_t i = 0; r == 0 && i < n; i++)
		plan_add(p, names[i], NULL, NULL);
	p->wanted += n;
	group_free(names, n);
	return r == 0;
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
static bool list_started(const struct plan *p, struct foreground *fg, const struct registry *reg)
{
	fg->name = calloc(p->n + 1, sizeof(*fg->name));
	for (size_t i = 0; fg->name && i < p->n; i++)
		if (p->ask[i].answer.code == 0)
			memcpy(fg->name[fg->n++], p->ask[i].req.name, NAME_MAX_BYTES);
	fg->agents = fg->n;
	if (fg->name && reg->started)
		str_copy(fg->name[fg->n++], NAME_MAX_BYTES, REGISTRY_NAME);
	return fg->name != NULL;
}

static int stay(struct instance *in, const struct plan *p, struct foreground *fg, const struct registry *reg)
{
	int status = EXIT_OK;

	if (!list_started(p, fg, reg))
		return out_fail("out of memory");
	if (fg->n)
		status = foreground_run(in, fg);
	free(fg->name);
	return status;
}

/* No registry: take away what of tend was started for it. */
static int abandon(struct instance *in, const struct foreground *fg)
{
	struct ask stop = { 0 };
	struct ask_patience patience = { .doing = "stopping" };
	struct pt_row row;
	struct fault f = { "" };

	if (pt_find(in->pt, REGISTRY_NAME, &row) == 0) {
		ask_fill(&stop, PT_COMMAND_STOP, REGISTRY_NAME, 0);
		(void)ask_all(in, &stop, 1, &patience, &f);
	}
	if (fg->own_daemons && shutdown_idle(in, &f) < 0)
		out_fail("%s", f.text);
	return EXIT_FAIL;
}

static bool has_agents(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i])
			return true;
	return false;
}

/* The agents' specifications again, with what they are told of the registry. */
static bool plan_tell(struct plan *p, struct startopts *o, char **variables)
{
	struct fault f = { "" };
	struct agent a;

	if (!startopts_variables(o, variables))
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (!p->file[i])
			continue;
		free(p->ask[i].spec_text);
		p->ask[i].spec_text = NULL;
		if (agentfile_look(p->file[i], p->ask[i].req.name, &a, &f) == 0)
			p->ask[i].spec_text = startopts_agent(o, &a, &f);
		if (!p->ask[i].spec_text) {
			out_fail("%s", f.text);
			return false;
		}
	}
	return true;
}

/* The registry, where one is wanted; ret_url stays empty without. False: said. */
static bool prepare_registry(struct instance *in, struct plan *p, struct startopts *o, const struct cliconf *c, struct registry *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!o->registry_only && (!has_agents(p) || o->no_registry || registry_is_off()))
		return true;
	if (!registry_ensure(in, c, ret))
		return false;
	return !has_agents(p) || plan_tell(p, o, registry_variables(ret, c));
}

/* Agents that were started now, in the front; those that run already are not waited for. */
static int enroll(struct instance *in, const struct plan *p, const struct cliconf *c, const struct registry *r, bool shown)
{
	struct enroll_how how = { .timeout_s = (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT), .url = r->url, .shown = shown };
	struct ask *a = calloc(p->n + 1, sizeof(*a));
	size_t n = 0;
	int status;

	if (!a)
		return out_fail("out of memory");
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i] && p->ask[i].answer.code == 0)
			a[n++] = p->ask[i];
	status = n ? enroll_wait(in, a, n, &how) : EXIT_OK;
	free(a);
	return status;
}

/* What they write is followed from before they are started. A registry alone is shown, beside agents it is not. */
static struct livelog *watch_output(const struct instance *in, const struct plan *p)
{
	const char **names = calloc(p->n + 1, sizeof(*names));
	struct livelog *l = NULL;
	struct fault f = { "out of memory" };

	for (size_t i = 0; names && i < p->n; i++)
		names[i] = p->ask[i].req.name;
	if (names && p->n == 0)
		names[0] = REGISTRY_NAME;
	if (!names || livelog_open(in->home.logs_fd, names, p->n ? p->n : 1, &l, &f) < 0)
		out_warn("what they write can't be shown: %s", f.text);
	free(names);
	return l;
}

static void show_output(struct livelog *l)
{
	struct fault f = { "" };

	if (l && livelog_begin(l, &f) < 0)
		out_warn("what they write can't be shown: %s", f.text);
}

/* Ctrl-C while they are being started: then all of them are to be stopped. */
static void count_as_started(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->ask[i].answer.code = 0;
}

/* live: NULL for who does not stay. */
static int ask_and_stay(struct instance *in, struct plan *p, const struct cliconf *c, const struct registry *reg, struct foreground *fg, struct livelog *live)
{
	struct ask_patience patience = { .doing = "starting", .interruptible = true };
	int enrolled = EXIT_OK, r;
	struct fault f = { "" };
	size_t bad = 0;

	eventlog_newest(&fg->from, in->pt);
	r = ask_all(in, p->ask, p->n, &patience, &f);
	if (r < 0 && r != -EINTR)
		return out_fail("%s", f.text);
	if (r == -EINTR)
		count_as_started(p);
	else
		bad = report_starts(p->ask, p->n) + (p->wanted - p->n);
	if (bad && bad == p->wanted)
		return EXIT_FAIL;
	if (bad)
		out_warn("%zu of %zu started", p->wanted - bad, p->wanted);
	out_flush();
	show_output(live);
	if (r == 0 && reg->url[0])
		enrolled = enroll(in, p, c, reg, live != NULL);
	if (!fg->stays)
		return enrolled;
	r = stay(in, p, fg, reg);
	return enrolled != EXIT_OK ? enrolled : r;
}

static int carry_out(struct instance *in, struct plan *p, struct startopts *o, const struct cliconf *c)
{
	struct foreground fg = { .stays = !o->background };
	struct livelog *live = NULL;
	struct registry reg;
	struct fault f = { "" };
	int r = daemons_ensure(&in->home, &fg.own_daemons, &f), status;

	if (r == 0)
		r = instance_attach(in, &f);
	if (r < 0)
		return out_fail("%s", f.text);
	if (fg.stays) {
		term_catch();
		live = watch_output(in, p);
	}
	status = prepare_registry(in, p, o, c, &reg) ? ask_and_stay(in, p, c, &reg, &fg, live) : abandon(in, &fg);
	livelog_end(live);
	return status;
}

static int start(struct startopts *o, const struct cliconf *c, int operands, char **operand, char **command)
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
		ok = group_is(operand[i]) ? plan_group(&p, o, &in, operand[i], (size_t)(operands - i)) : plan_operand(&p, o, &in, operand[i]);
	if (command)
		ok = plan_command(&p, o, command);
	if (ok && (p.n || o->registry_only))
		status = carry_out(&in, &p, o, c);
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
	if (o->registry_only && o->no_registry)
		return out_misuse("either --registry-only or --no-registry");
	return EXIT_OK;
}

/* Was anything up when the instance last ran? */
static bool knows_something(void)
{
	struct home h = HOME_INIT;
	struct desired d = { 0 };
	bool known = false;

	if (home_open(NULL, HOME_READ, &h, NULL) == 0 && desired_load(h.fd, &d, NULL) < 0)
		known = true; /* resurrect says what is wrong with it */
	for (size_t i = 0; i < d.n; i++)
		known = known || d.entry[i].up;
	desired_done(&d);
	home_close(&h);
	return known;
}

/* Configuration, and what it changes in how agents are run. */
static int configured(struct startopts *o, int operands, char **operand, char **command)
{
	struct cliconf c;
	int status;

	if (!conf_load(&c))
		return EXIT_FAIL;
	if (!startopts_configure(o, &c)) {
		cliconf_done(&c);
		return EXIT_MISUSE;
	}
	o->background = o->background || cliconf_bool(&c, CONF_ENABLE_BACKGROUND);
	if (!o->policy_given && !cliconf_bool(&c, CONF_AUTO_RESTART))
		(void)spec_policy("no", &o->base.policy);
	if (o->registry_only && operands)
		out_warn("--registry-only: %s and what follows are left out", operand[0]);
	if (o->registry_only)
		operands = 0;
	if (!command && operands == 0 && !o->registry_only && (o->no_registry || registry_is_off() || knows_something())) {
		status = resurrect_run();
	} else {
		o->registry_only = o->registry_only || (!command && operands == 0);
		status = start(o, &c, operands, operand, command);
	}
	cliconf_done(&c);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct startopts o;
	char **command = find_command(&argc, argv);
	int opt = startopts_read(self, argc, argv, &o), status;

	if (opt != OPT_END)
		status = opts_status(opt);
	else if ((status = check_use(&o, argc - optind, argv + optind, command)) == EXIT_OK)
		status = configured(&o, argc - optind, argv + optind, command);
	startopts_done(&o);
	return status;
}

const struct command cmd_start = {
	.name = "start",
	.summary = "start agents, or any command",
	.usage =
		"FILE... [--background] [OPTION...]\n--name NAME [--background] [OPTION...] -- COMMAND [ARGUMENT...]\nNAME... | @GROUP...",
	.help = "A FILE is run by what its suffix names: .py by python3, .js and .mjs by node, .ts by\n"
		"npx tsx, .jar by java -jar; an executable runs as itself. Its name is the file's\n"
		"without the suffix, its folder the file's. NAME alone starts what was started before\n"
		"under that name, as it was. Without operands, what was up when the instance last ran\n"
		"is started again; if that is nothing, a registry alone. A FILE is given a registry: the\n"
		"one that answers at the configured address, else one that is started as the process\n"
		"registry; tend waits until the FILEs are registered there. The daemons are started if needed. Without --background it stays\n"
		"and shows what they write and what happens to them; Ctrl-C then stops what it\n"
		"started, in reverse order, a second Ctrl-C kills. SIGTERM and SIGHUP are like Ctrl-C.\n"
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
		"  --group GROUP           put it in a group: \"tend stop @GROUP\" means all of it\n"
		"  --health FILE|WORD      how to find out whether it works: a JSON file with probes,\n"
		"                          policy and limits, or mesh[:PORT], http:URL, tcp:PORT,\n"
		"                          exec:COMMAND, mcp:URL\n"
		"  --separate-stderr       keep standard error in a file of its own, NAME@err.log\n"
		"  --log-size SIZE         begin a new log file at this size (default 64MiB; 0: never)\n"
		"  --log-age TIME          and when its first line is this old (default 0: never)\n"
		"  --log-keep N            keep so many old log files (default 10; 0: all)\n"
		"  --log-keep-age TIME     delete log files whose last line is older (default 0: never)\n"
		"  --log-keep-bytes SIZE   delete the oldest when they take more (default 0: no limit)\n"
		"\n"
		"  --no-registry           FILEs need none (also TEND_REGISTRY=none)\n"
		"  --registry-only         start the registry and nothing else\n"
		"  --registry-host HOST, --registry-port PORT, --db-path FILE, --log-level LEVEL,\n"
		"  --health-check-interval SECONDS, --startup-timeout SECONDS, --debug\n"
		"                          instead of what \"tend config show\" says\n"
		"\n"
		"Examples:\n"
		"  tend start weather.py time.js --background\n"
		"  tend start --name web --restart always --background -- python3 -m http.server 8000\n"
		"  tend start\n",
	.run = run,
};
