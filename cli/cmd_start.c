/* tend start - the command line: which of its forms it is, and what the configuration adds (the
 * rest: client/startplan.h, cli/startrun.h). */
#include <stdlib.h>
#include <string.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "cli/startopts.h"
#include "cli/startrun.h"
#include "cli/tell.h"
#include "client/conf.h"
#include "client/meshreg.h"
#include "client/phrase.h"
#include "client/resurrect.h"
#include "term/term.h"

static int start(struct outcomes *oc, struct startopts *o, const struct cliconf *c, int operands,
	char **operand, char **command)
{
	struct instance in = INSTANCE_NONE;
	struct plan p = { 0 };
	struct start *s = malloc(sizeof(*s));
	struct fault f = { "" };
	int status = EXIT_FAIL;

	in.access = PT_CLIENT;
	if (!s)
		return TELL_FAIL(oc, "out of memory");
	start_init(s);
	s->in = &in;
	s->plan = &p;
	s->spec = &o->spec;
	s->conf = c;
	s->registry_only = o->registry_only;
	s->interruptible = true;
	if (home_open(NULL, HOME_CREATE, &in.home, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	else if (plan_make(oc, &p, s->spec, &in, operand, (size_t)operands, command) &&
		(p.n || o->registry_only))
		status = startrun(oc, s, !o->background);
	plan_done(&p);
	instance_close(&in);
	free(s);
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
	if (command && !o->spec.name)
		return out_misuse("a command needs a name: --name NAME");
	if (operands > 1 && o->spec.name)
		return out_misuse("--name is for one FILE");
	if (!command && operands == 0 && (o->spec.shaped || o->spec.base.group[0]))
		return out_misuse("FILE missing");
	if (o->registry_only && o->spec.no_registry)
		return out_misuse("either --registry-only or --no-registry");
	return EXIT_OK;
}

static void warn_of_limit(struct outcomes *oc, const char *what, uint64_t limit, uint64_t size)
{
	char a[24], b[24];

	if (limit && size && limit < size)
		outcome_complain(oc,
			"%s %s is less than --log-size %s: an old log file goes at once, unless it is smaller than that when it is compressed",
			what, phrase_bytes(limit, a), phrase_bytes(size, b));
}

/* The second one counts if this command starts the daemons. */
static void warn_of_limits(struct outcomes *oc, const struct spec *s)
{
	const char *total = getenv("TEND_LOG_TOTAL_BYTES");
	uint64_t bytes;

	warn_of_limit(oc, "--log-keep-bytes", s->log_keep_bytes, s->log_rotate_bytes);
	if (total && str_bytes(total, &bytes) == 0)
		warn_of_limit(oc, "TEND_LOG_TOTAL_BYTES", bytes, s->log_rotate_bytes);
}

/* What the configuration changes in how agents are run. */
static int configure(struct startopts *o, struct cliconf *c)
{
	int status = startopts_configure(o, c);

	if (status != EXIT_OK)
		return status;
	o->spec.no_registry = o->spec.no_registry || shell_has_no_registry();
	o->background = o->background || cliconf_bool(c, CONF_ENABLE_BACKGROUND);
	if (!o->background)
		term_obey();
	if (!o->policy_given && !cliconf_bool(c, CONF_AUTO_RESTART))
		(void)spec_policy("no", &o->spec.base.policy);
	return EXIT_OK;
}

/* again: what was up before. */
static int carry_out(struct outcomes *oc, struct startopts *o, const struct cliconf *c, bool again,
	int operands, char **operand, char **command)
{
	if (o->registry_only && operands)
		outcome_complain(
			oc, "--registry-only: %s and what follows are left out", operand[0]);
	if (o->registry_only)
		operands = 0;
	if (again)
		return resurrect(oc, NULL) ? EXIT_OK : EXIT_FAIL;
	o->registry_only = o->registry_only || (!command && operands == 0);
	warn_of_limits(oc, &o->spec.base);
	return start(oc, o, c, operands, operand, command);
}

static int configured(const struct command *self, struct startopts *o, int operands, char **operand,
	char **command)
{
	bool again = !command && operands == 0 && !o->registry_only;
	struct outcomes oc = tell_begin(o->json);
	struct cliconf c;
	int status;

	if (!conf_load(&oc, NULL, shell_own()->env, &c)) {
		outcomes_done(&oc);
		return EXIT_FAIL;
	}
	status = configure(o, &c);
	again = again && (o->spec.no_registry || resurrect_knows(NULL));
	if (status == EXIT_OK && o->json && !o->background && !again)
		status = out_misuse(
			"--json needs --background: in the foreground, what the processes write is shown");
	if (status == EXIT_OK)
		status = tell_finish(&oc, self, o->json,
			carry_out(&oc, o, &c, again, operands, operand, command));
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
		status = configured(self, &o, argc - optind, argv + optind, command);
	startopts_done(&o);
	return status;
}

const struct command cmd_start = {
	.name = "start",
	.summary = "start agents, or any command",
	.usage =
		"FILE... [--background] [OPTION...]\n--name NAME [--background] [OPTION...] -- COMMAND [ARG...]\nNAME... | @GROUP...",
	.help = "A FILE is run by what its suffix names: .py by python3, .js and .mjs by node,\n"
		".ts by npx tsx, .jar by java -jar; an executable runs as itself. Its name is the\n"
		"file's without the suffix, its folder the file's. NAME alone starts what was\n"
		"started before under that name, as it was; ./NAME is always a file. Without\n"
		"operands, what was up when the instance last ran is started again; if that is\n"
		"nothing, a registry alone. A FILE is given a registry: the one that answers at\n"
		"the configured address, else one that is started as the process registry; tend\n"
		"waits until the FILEs are registered there. The daemons are started if needed.\n"
		"Without --background it stays and shows what they write and what happens to\n"
		"them; Ctrl-C then stops what it started, in reverse order, a second Ctrl-C\n"
		"kills. SIGTERM and SIGHUP are like Ctrl-C. If none of the FILEs registers in\n"
		"time, or all end before, it says what each wrote last, stops what it started,\n"
		"and ends with status 1; with --background they run on.\n"
		"\n"
		"  --background            return once they run\n"
		"  --json                  with --background: one JSON document that tells what\n"
		"                          became of each\n"
		"  --name NAME             call it NAME\n"
		"  --restart POLICY        no, on-failure (default) or always\n"
		"  --env NAME=VALUE        set an environment variable; may be repeated\n"
		"  --cwd DIR               run it in this folder\n"
		"  --stop-signal SIGNAL    what asks it to end (default SIGTERM)\n"
		"  --stop-timeout TIME     how long it may take to end before SIGKILL (default\n"
		"                          30s)\n"
		"  --restart-delay TIME    wait this long before the second restart in a row,\n"
		"                          then twice that, and so on (default 250ms)\n"
		"  --restart-max-delay TIME  but never longer than this (default 30s)\n"
		"  --restart-limit N/TIME  at most N restarts within TIME, then it has failed\n"
		"                          (default 10/5m; 0: no limit)\n"
		"  --stable TIME           a run of this length ends the row of restarts (default\n"
		"                          10s)\n"
		"  --group GROUP           put it in a group, also if it runs already: \"tend stop\n"
		"                          @GROUP\" means all of it\n"
		"  --health FILE|WORD      how to find out whether it works: a JSON file with\n"
		"                          probes, policy and limits, or mesh[:PORT], http:URL,\n"
		"                          tcp:PORT, exec:COMMAND, mcp:URL\n"
		"  --separate-stderr       keep standard error in a file of its own, NAME@err.log\n"
		"  --log-size SIZE         begin a new log file at this size (default 64MiB; 0:\n"
		"                          never)\n"
		"  --log-age TIME          and when its first line is this old (default 0: never)\n"
		"  --log-keep N            keep so many old log files (default 10; 0: all)\n"
		"  --log-keep-age TIME     delete log files whose last line is older (default 0:\n"
		"                          never)\n"
		"  --log-keep-bytes SIZE   delete the oldest when they take more (default 0: no\n"
		"                          limit)\n"
		"\n"
		"  --no-registry           FILEs need none (also TEND_REGISTRY=none)\n"
		"  --registry-only         start the registry and nothing else\n"
		"  --registry-host HOST, --registry-port PORT, --db-path FILE, --log-level LEVEL,\n"
		"  --health-check-interval SECONDS, --startup-timeout SECONDS, --debug\n"
		"                          instead of what \"tend config show\" says\n"
		"\n"
		"Examples:\n"
		"  tend start weather.py time.js --background\n"
		"  tend start --name web --restart always --background -- python3 -m http.server\n"
		"  tend start\n",
	.run = run,
};
