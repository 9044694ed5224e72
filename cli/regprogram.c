/* cli/regprogram.c - which program is the registry (cli/regprogram.h). */
#include "cli/regprogram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pidref.h"
#include "base/spawn.h"
#include "base/utf8.h"
#include "cli/agentfile.h"
#include "cli/place.h"
#include "cli/shell.h"
#include "config/spec.h"

#define WORDS_MAX 60
/* python3 that can't say within this time whether it has the module is taken not to have it */
#define PYTHON_MS 5000

struct program {
	char exe[PATH_MAX];
	char words[CLICONF_TEXT_MAX], port[8];
	char *argv[WORDS_MAX + 10];
};

static char word_host[] = "--host", word_port[] = "--port", word_db[] = "--db",
	    word_public[] = "--public", word_isolated[] = "-I", word_unbuffered[] = "-u",
	    word_module[] = "-m", word_reference[] = "mcp_mesh_runtime.server",
	    word_mesh[] = "mcp-mesh-registry", word_ours[] = "tend-registry",
	    word_python[] = "python3";

/* The configured command: words parted by blanks. */
static int take_configured(struct program *p, const char *command, struct fault *f)
{
	size_t n = 0;
	char *save = NULL;

	str_copy(p->words, sizeof(p->words), command);
	for (char *w = strtok_r(p->words, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n == WORDS_MAX)
			return fault_set(
				f, -E2BIG, "registry_command has more than %d words", WORDS_MAX);
		p->argv[n++] = w;
	}
	if (n == 0)
		return fault_set(f, -EINVAL, "registry_command has no word");
	return agentfile_program(p->argv[0], p->exe, f);
}

/* Runs "python3 -I -c ..." with a deadline, in a folder where only root can put anything: Python,
 * and what stands in its place (a version manager), would look for modules and settings in the
 * current one, which may be another user's. */
static bool has_module(const char *python)
{
	char code[] =
		"import importlib.util as u, sys; sys.exit(u.find_spec('mcp_mesh_runtime') is None or "
		"u.find_spec('mcp_mesh_runtime.server') is None)";
	char *path = strdup(python), option[] = "-c",
	     *argv[] = { path, word_isolated, option, code, NULL };
	struct spawn s = { .program = path,
		.argv = argv,
		.folder = "/",
		.fd = { SPAWN_NULL, SPAWN_NULL, SPAWN_NULL, SPAWN_LEAVE } };
	struct pollfd p = { .fd = -1, .events = POLLIN };
	bool found = false;
	int status = 1;
	pid_t pid;

	if (!path)
		return false;
	if (spawn_begin(&s, &pid) == 0) {
		p.fd = sys_pidfd_open(pid);
		if (p.fd < 0 || poll(&p, 1, PYTHON_MS) <= 0)
			kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) == pid)
			found = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (p.fd >= 0)
			close(p.fd);
	}
	free(path);
	return found;
}

static void add_address(struct program *p, size_t n, struct registry *r)
{
	p->argv[n++] = word_host;
	p->argv[n++] = r->host;
	p->argv[n++] = word_port;
	p->argv[n++] = p->port;
}

static int choose(struct program *p, const struct cliconf *c, struct registry *r, struct fault *f)
{
	const char *command = cliconf_text(c, CONF_REGISTRY_COMMAND);
	int e;

	snprintf(p->port, sizeof(p->port), "%u", r->port);
	if (command[0])
		return take_configured(p, command, f);
	if (agentfile_program(word_mesh, p->exe, f) == 0) {
		p->argv[0] = word_mesh;
		add_address(p, 1, r);
		return 0;
	}
	if (agentfile_program(word_python, p->exe, f) == 0 && has_module(p->exe)) {
		p->argv[0] = word_python;
		p->argv[1] = word_isolated;
		/* the variable of that meaning is not heard by an isolated one */
		p->argv[2] = word_unbuffered;
		p->argv[3] = word_module;
		p->argv[4] = word_reference;
		add_address(p, 5, r);
		return 0;
	}
	e = home_program(word_ours, p->exe, f);
	p->argv[0] = word_ours;
	add_address(p, 1, r);
	p->argv[5] = word_db;
	p->argv[6] = r->db;
	/* Other than loopback only where this very command asked for it. */
	p->argv[7] = c->value[CONF_REGISTRY_HOST].from == CONF_FROM_OPTION ? word_public : NULL;
	return e;
}

/* DATABASE_URL is where today's registry has its database; one that the user has set stays, unless
 * another database was asked for. */
static bool keeps_database(const struct cliconf *c)
{
	const char *own = getenv("DATABASE_URL");

	return own && *own && c->value[CONF_DB_PATH].from == CONF_FROM_DEFAULT;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Not from the caller: what is told below, and what belongs to another process. */
static bool is_ours_to_say(const char *variable, const struct cliconf *c)
{
	static const char *const names[] = { "TEND_NAME=", "TEND_INSTANCE=", "MCP_MESH_REGISTRY_",
		"MCP_MESH_DATABASE_URL=", "MCP_MESH_DEBUG=", "MCP_MESH_LOG_LEVEL=", "HOST=",
		"PORT=", "PWD=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (begins(variable, names[i]))
			return true;
	return begins(variable, "DATABASE_URL=") && !keeps_database(c);
}

/* What a registry is told by variables: the same names as agents are told, and those that
 * registries read. */
static char **make_env(const struct registry *r, const struct cliconf *c, const char *cwd)
{
	static char host[300], port[16], pwd[PATH_MAX + 8], db[PATH_MAX + 16];
	char **ours = registry_variables(r, c), **env;
	size_t n = 0, k = 0;

	while (environ && environ[n])
		n++;
	env = calloc(n + 10, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (utf8_is_valid(environ[i]) && !is_ours_to_say(environ[i], c))
			env[k++] = environ[i];
	for (size_t i = 0; ours[i]; i++)
		env[k++] = ours[i];
	snprintf(host, sizeof(host), "HOST=%s", r->host);
	snprintf(port, sizeof(port), "PORT=%u", r->port);
	snprintf(pwd, sizeof(pwd), "PWD=%s", cwd);
	env[k++] = host;
	env[k++] = port;
	env[k++] = pwd;
	if (!keeps_database(c)) {
		snprintf(db, sizeof(db), "DATABASE_URL=%s", r->db);
		env[k++] = db;
	}
	return env;
}

char *regprogram_spec(const struct instance *in, const struct cliconf *c, const struct registry *r,
	struct fault *f)
{
	struct registry own = *r;
	struct program *p = calloc(1, sizeof(*p));
	char here[PATH_MAX], *text = NULL;
	struct spec s;

	(void)in;
	spec_init(&s);
	str_copy(s.name, sizeof(s.name), REGISTRY_NAME);
	s.service = 2;
	(void)spec_policy("always", &s.policy);
	surroundings_take(shell_own(), &s);
	if (place_here(here, f) < 0)
		goto out;
	s.env = make_env(r, c, here);
	if (!p || !s.env)
		fault_set(f, -ENOMEM, "out of memory");
	else if (choose(p, c, &own, f) == 0) {
		s.exe = p->exe;
		s.argv = p->argv;
		s.cwd = here;
		text = utf8_is_valid(here) && utf8_is_valid(own.db) ? spec_print(&s) : NULL;
		if (!text)
			fault_set(f, -EILSEQ,
				"cannot write the registry's specification: no memory, or a path that is not valid UTF-8");
	}
out:
	free(s.env);
	free(p);
	return text;
}
