/* client/restart.c - restarting what knows a registry, and the registry (client/restart.h). */
#include "client/restart.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/conf.h"
#include "client/daemons.h"
#include "client/enroll.h"
#include "client/meshreg.h"
#include "client/specedit.h"
#include "client/view.h"

bool restart_registry(struct outcomes *oc, const char *home, const struct shell *shell, bool reset)
{
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	struct cliconf c;
	bool good = false;

	if (!conf_load(oc, home, shell->env, &c))
		return false;
	in.access = PT_CLIENT;
	if (home_open(home, HOME_CREATE, &in.home, &f) < 0 ||
		daemons_ensure(&in.home, NULL, oc->watcher, &f) < 0 || instance_attach(&in, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	else
		good = meshreg_restart(oc, &in, &c, shell, reset);
	instance_close(&in);
	cliconf_done(&c);
	return good;
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
	outcome_pause(oc);
}

/* An agent that knows of a registry: it is told where that is now, and waited for until it is
 * registered again. */
static bool restart_agent(struct outcomes *oc, const char *home, char *const *env,
	struct instance *in, const struct request *q, const struct view *v,
	const struct view_row *row, const struct spec *s)
{
	struct enroll_how how = { 0 };
	struct meshaddr last = { .port = 0 };
	struct meshaddr_variables told;
	struct fault f = { "" };
	struct cliconf c;
	char *name = (char *)(uintptr_t)row->row.ident.name;
	struct ask a = { 0 };
	bool good;

	if (!conf_load(oc, home, env, &c))
		return false;
	tell_current(oc, v, row, s);
	if (meshaddr_last(&in->home, &last) &&
		specedit(&in->home, name, tell_place, meshaddr_variables(&last, &c, &told),
			oc->watcher, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	how.timeout_s = (unsigned)cliconf_number(&c, CONF_STARTUP_TIMEOUT);
	how.url = last.url[0] ? last.url : spec_variable(s->env, "MCP_MESH_REGISTRY_URL");
	good = request_run(oc, home, q, &name, 1);
	if (good && instance_attach(in, &f) < 0)
		good = OUTCOME_FAIL(oc, "%s", f.text);
	ask_fill(&a, PT_COMMAND_START, name, 0);
	good = good && enroll_wait(oc, in, &a, 1, &how);
	cliconf_done(&c);
	return good;
}

bool restart_one(struct outcomes *oc, const char *home, char *const *env, const struct request *q,
	char *name)
{
	char file[NAME_MAX_BYTES + 8];
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct spec s = { 0 };
	const struct view_row *row = NULL;
	bool good;

	if (name_check(name, NULL) == 0 && instance_open(&in, home, PT_CLIENT, NULL) == 0 &&
		view_load(&in, &v) == 0)
		row = view_find(&v, name);
	if (row && row->row.ident.service == PT_SERVICE_AGENT)
		spec_file_name(name, file);
	if (row && row->row.ident.service == PT_SERVICE_AGENT &&
		spec_load(in.home.specs_fd, file, &s, NULL) == 0 && s.file &&
		spec_variable(s.env, "MCP_MESH_REGISTRY_URL"))
		good = restart_agent(oc, home, env, &in, q, &v, row, &s);
	else
		good = request_run(oc, home, q, &name, 1);
	spec_done(&s);
	view_done(&v);
	instance_close(&in);
	return good;
}
