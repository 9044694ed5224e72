/* tend restart, and tend restart-agent for those who know the reference. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/meshreg.h"
#include "client/conf.h"
#include "client/daemons.h"
#include "client/enroll.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "client/request.h"
#include "cli/shell.h"
#include "cli/tell.h"
#include "client/specedit.h"
#include "client/view.h"

static int read_options(const struct command *self, int argc, char **argv, struct request *q,
	bool one, bool *reset, bool *json)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' },
		{ "reset-config", no_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
		{ 0 } },
				   of_one[] = { { "timeout", required_argument, NULL, 't' },
					   { "json", no_argument, NULL, 'j' }, { 0 } };
	uint64_t ms;
	int opt;

	while ((opt = opts_next(self, argc, argv, one ? of_one : options)) >= 0) {
		*reset = *reset || opt == 'r';
		*json = *json || opt == 'j';
		if (opt != 't')
			continue;
		if (!opts_duration("--timeout", optarg, UINT32_MAX, &ms))
			return OPT_BAD;
		q->like.flags |= PT_FLAG_TIMEOUT;
		q->like.timeout_ms = (uint32_t)ms;
	}
	return opt;
}

static int restart_registry(struct outcomes *oc, bool reset)
{
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	struct cliconf c;
	int status = EXIT_FAIL;

	if (shell_has_no_registry())
		return TELL_FAIL(oc,
			"NAME missing: without names it is the registry, and TEND_REGISTRY=none says that there is none");
	if (!conf_load(oc, NULL, shell_own()->env, &c))
		return EXIT_FAIL;
	in.access = PT_CLIENT;
	if (home_open(NULL, HOME_CREATE, &in.home, &f) < 0 ||
		daemons_ensure(&in.home, NULL, oc->watcher, &f) < 0 || instance_attach(&in, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	else
		status = meshreg_restart(oc, &in, &c, shell_own(), reset) ? EXIT_OK : EXIT_FAIL;
	instance_close(&in);
	cliconf_done(&c);
	return status;
}

/* The three variables that say where the registry is, as far as they name one place: then tend has
 * set them, not the caller's --env. */
static int tell_place(struct spec *s, void *arg, struct fault *f)
{
	static const char *const names[] = { "MCP_MESH_REGISTRY_URL", "MCP_MESH_REGISTRY_HOST",
		"MCP_MESH_REGISTRY_PORT" };
	const char *url = spec_variable(s->env, names[0]), *host = spec_variable(s->env, names[1]),
		   *port = spec_variable(s->env, names[2]);
	char **variables = arg, own[400];

	(void)f;
	if (!url || !host || !port || strcmp(url, variables[0] + strlen(names[0]) + 1) == 0)
		return 0;
	snprintf(own, sizeof(own), "http://%s:%s", host, port);
	if (strcmp(url, own) != 0)
		return 0;
	for (char **e = s->env; *e; e++)
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strncmp(*e, names[i], strlen(names[i])) == 0 &&
				(*e)[strlen(names[i])] == '=')
				*e = variables[i];
	return 1;
}

/* What the reference says before it: process, state, file, how long it has run. */
static void tell_current(
	struct outcomes *oc, const struct view *v, const struct view_row *r, const struct spec *s)
{
	char span[CLOCK_TEXT_MAX], running[CLOCK_TEXT_MAX + 40] = "";

	if (view_is_up(r))
		snprintf(running, sizeof(running), " (pid %d, for %s)", r->row.life.pid,
			clock_span(view_uptime_ns(v, r), span));
	outcome_say(oc, "%s: %s%s, %s", r->row.ident.name, view_word(r), running, s->file);
	out_flush();
}

/* An agent that knows of a registry: it is told where that is now, and waited for until it is
 * registered again. */
static int restart_agent(struct outcomes *oc, struct instance *in, const struct request *q,
	const struct view *v, const struct view_row *row, const struct spec *s)
{
	struct enroll_how how = { 0 };
	struct meshaddr last = { .port = 0 };
	struct meshaddr_variables told;
	struct fault f = { "" };
	struct cliconf c;
	char *name = (char *)(uintptr_t)row->row.ident.name;
	struct ask a = { 0 };
	int status;

	if (!conf_load(oc, NULL, shell_own()->env, &c))
		return EXIT_FAIL;
	tell_current(oc, v, row, s);
	if (meshaddr_last(&in->home, &last) &&
		specedit(&in->home, name, tell_place, meshaddr_variables(&last, &c, &told),
			oc->watcher, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	how.timeout_s = (unsigned)cliconf_number(&c, CONF_STARTUP_TIMEOUT);
	how.url = last.url[0] ? last.url : spec_variable(s->env, "MCP_MESH_REGISTRY_URL");
	status = request_run(oc, NULL, q, &name, 1) ? EXIT_OK : EXIT_FAIL;
	if (status == EXIT_OK && (status = instance_attach(in, &f)) < 0)
		status = TELL_FAIL(oc, "%s", f.text);
	ask_fill(&a, PT_COMMAND_START, name, 0);
	if (status == EXIT_OK)
		status = enroll_wait(oc, in, &a, 1, &how) ? EXIT_OK : EXIT_FAIL;
	cliconf_done(&c);
	return status;
}

static int restart_one(struct outcomes *oc, const struct request *q, char *name)
{
	char file[NAME_MAX_BYTES + 8];
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct spec s = { 0 };
	const struct view_row *row = NULL;
	int status;

	if (!shell_has_no_registry() && name_check(name, NULL) == 0 &&
		instance_open(&in, NULL, PT_CLIENT, NULL) == 0 && view_load(&in, &v) == 0)
		row = view_find(&v, name);
	if (row && row->row.ident.service == PT_SERVICE_AGENT)
		spec_file_name(name, file);
	if (row && row->row.ident.service == PT_SERVICE_AGENT &&
		spec_load(in.home.specs_fd, file, &s, NULL) == 0 && s.file &&
		spec_variable(s.env, "MCP_MESH_REGISTRY_URL"))
		status = restart_agent(oc, &in, q, &v, row, &s);
	else
		status = request_run(oc, NULL, q, &name, 1) ? EXIT_OK : EXIT_FAIL;
	spec_done(&s);
	view_done(&v);
	instance_close(&in);
	return status;
}

static int restart(const struct command *self, int argc, char **argv, bool one)
{
	struct request q = { .like = { .kind = PT_COMMAND_RESTART },
		.doing = "restarting",
		.done = OUTCOME_RESTARTED };
	bool reset = false, json = false;
	int opt = read_options(self, argc, argv, &q, one, &reset, &json), status;
	struct outcomes oc;

	if (opt != OPT_END)
		return opts_status(opt);
	if (one && !opts_operands(argc, 1, "NAME"))
		return EXIT_MISUSE;
	if (reset && optind < argc)
		return out_misuse("--reset-config is for the registry: without names");
	oc = tell_begin(json);
	if (optind == argc)
		status = restart_registry(&oc, reset);
	else if (one)
		status = restart_one(&oc, &q, argv[optind]);
	else
		status = request_run(&oc, NULL, &q, argv + optind, (size_t)(argc - optind))
			? EXIT_OK
			: EXIT_FAIL;
	return tell_finish(&oc, self, json, status);
}

static int run(const struct command *self, int argc, char **argv)
{
	return restart(self, argc, argv, false);
}

static int run_agent(const struct command *self, int argc, char **argv)
{
	return restart(self, argc, argv, true);
}

const struct command cmd_restart = {
	.name = "restart",
	.summary = "stop and start again; without names the registry",
	.usage = "NAME... [--timeout SECONDS] [--json]\n[--reset-config] [--json]",
	.help = "A process runs again as it was started: command, environment, folder. One that rests\n"
		"or waits to be restarted is started now. One that could not run again, for its program\n"
		"or folder is gone, runs on, and the exit status is 1. Without names it is the registry,\n"
		"at the address and with the database that it had; if none runs, one is started.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"  --reset-config     the registry at what the configuration says now\n"
		"  --json             one JSON document that tells what became of each\n"
		"\n"
		"Examples:\n"
		"  tend restart web 'api-*'\n",
	.run = run,
};

const struct command cmd_restart_agent = {
	.name = "restart-agent",
	.summary = "the same for one process; waits until an agent is registered",
	.usage = "NAME [--timeout SECONDS] [--json]",
	.help = "As tend restart NAME; an agent of a mesh is told where the registry is now, and waited\n"
		"for until it is registered again, at most startup_timeout (\"tend config show\"): if it is\n"
		"not, the exit status is 1, and it runs on.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"  --json             one JSON document that tells what became of it\n",
	.run = run_agent,
};
