/* client/regprogram.c - which program is the registry (client/regprogram.h). */
#include "client/regprogram.h"

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
#include "client/agentfile.h"
#include "client/place.h"
#include "config/spec.h"

#define WORDS_MAX 60
/* python3 that can't say within this time whether it has the module is taken not to have it */
#define PYTHON_MS 5000

struct program {
	char exe[PATH_MAX];
	char words[CLICONF_TEXT_MAX], port[8];
	char *argv[WORDS_MAX + 10];
	struct meshaddr_variables variables;
	char own[4][PATH_MAX + 16]; /* what only the registry is told */
	char **env;		    /* malloc'ed; what it points to is above, or the caller's */
};

/* Nobody writes to the words of an argument vector. */
static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* The configured command: words parted by blanks. */
static int take_configured(
	struct program *p, const char *command, char *const *env, struct fault *f)
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
	return agentfile_program(env, p->argv[0], p->exe, f);
}

/* Runs "python3 -I -c ..." with a deadline, in a folder where only root can put anything: Python,
 * and what is in its place (a version manager), would look for modules and settings in the
 * current one, which may be another user's. */
static bool has_module(const char *python)
{
	char code[] =
		"import importlib.util as u, sys; sys.exit(u.find_spec('mcp_mesh_runtime') is None or "
		"u.find_spec('mcp_mesh_runtime.server') is None)";
	char *path = strdup(python), option[] = "-c",
	     *argv[] = { path, word("-I"), option, code, NULL };
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

static void add_address(struct program *p, size_t n, struct meshaddr *r)
{
	p->argv[n++] = word("--host");
	p->argv[n++] = r->host;
	p->argv[n++] = word("--port");
	p->argv[n++] = p->port;
}

static int choose(struct program *p, const struct cliconf *c, struct meshaddr *r, char *const *env,
	struct fault *f)
{
	const char *command = cliconf_text(c, CONF_REGISTRY_COMMAND);
	int e;

	snprintf(p->port, sizeof(p->port), "%u", r->port);
	if (command[0])
		return take_configured(p, command, env, f);
	if (agentfile_program(env, "mcp-mesh-registry", p->exe, f) == 0) {
		p->argv[0] = word("mcp-mesh-registry");
		add_address(p, 1, r);
		return 0;
	}
	if (agentfile_program(env, "python3", p->exe, f) == 0 && has_module(p->exe)) {
		p->argv[0] = word("python3");
		p->argv[1] = word("-I");
		/* the variable of that meaning is not heard by an isolated one */
		p->argv[2] = word("-u");
		p->argv[3] = word("-m");
		p->argv[4] = word("mcp_mesh_runtime.server");
		add_address(p, 5, r);
		return 0;
	}
	e = home_program("tend-registry", p->exe, f);
	p->argv[0] = word("tend-registry");
	add_address(p, 1, r);
	p->argv[5] = word("--db");
	p->argv[6] = r->db;
	/* Other than loopback only where this very command asked for it. */
	p->argv[7] = c->value[CONF_REGISTRY_HOST].from == CONF_FROM_OPTION ? word("--public")
									   : NULL;
	return e;
}

/* DATABASE_URL is where today's registry has its database; one that the user has set stays, unless
 * another database was asked for. */
static bool keeps_database(const struct cliconf *c, const struct shell *shell)
{
	const char *own = spec_variable(shell->env, "DATABASE_URL");

	return own && *own && c->value[CONF_DB_PATH].from == CONF_FROM_DEFAULT;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Not from the caller: what is told below, and what belongs to another process. */
static bool is_ours_to_say(const char *variable, const struct cliconf *c, const struct shell *shell)
{
	static const char *const names[] = { "TEND_NAME=", "TEND_INSTANCE=", "MCP_MESH_REGISTRY_",
		"MCP_MESH_DATABASE_URL=", "MCP_MESH_DEBUG=", "MCP_MESH_LOG_LEVEL=", "HOST=",
		"PORT=", "PWD=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (begins(variable, names[i]))
			return true;
	return begins(variable, "DATABASE_URL=") && !keeps_database(c, shell);
}

/* What a registry is told by variables: the same names as agents are told, and those that
 * registries read. */
static int make_env(struct program *p, const struct meshaddr *r, const struct cliconf *c,
	const struct shell *shell, const char *cwd)
{
	char **ours = meshaddr_variables(r, c, &p->variables);
	size_t n = 0, k = 0;

	while (shell->env && shell->env[n])
		n++;
	p->env = calloc(n + 10, sizeof(*p->env));
	if (!p->env)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (utf8_is_valid(shell->env[i]) && !is_ours_to_say(shell->env[i], c, shell))
			p->env[k++] = shell->env[i];
	for (size_t i = 0; ours[i]; i++)
		p->env[k++] = ours[i];
	snprintf(p->own[0], sizeof(p->own[0]), "HOST=%s", r->host);
	snprintf(p->own[1], sizeof(p->own[1]), "PORT=%u", r->port);
	snprintf(p->own[2], sizeof(p->own[2]), "PWD=%s", cwd);
	snprintf(p->own[3], sizeof(p->own[3]), "DATABASE_URL=%s", r->db);
	for (size_t i = 0; i < (keeps_database(c, shell) ? 3 : 4); i++)
		p->env[k++] = p->own[i];
	return 0;
}

char *regprogram_spec(const struct cliconf *c, const struct shell *shell, const struct meshaddr *r,
	struct fault *f)
{
	struct meshaddr own = *r;
	struct program *p = calloc(1, sizeof(*p));
	char here[PATH_MAX], *text = NULL;
	struct spec s;

	spec_init(&s);
	str_copy(s.name, sizeof(s.name), MESH_NAME);
	s.service = 2;
	(void)spec_policy("always", &s.policy);
	surroundings_take(shell, &s);
	if (place_here(shell->env, here, f) < 0)
		goto out;
	if (!p || make_env(p, r, c, shell, here) < 0)
		fault_set(f, -ENOMEM, "out of memory");
	else if (choose(p, c, &own, shell->env, f) == 0) {
		s.exe = p->exe;
		s.argv = p->argv;
		s.env = p->env;
		s.cwd = here;
		text = utf8_is_valid(here) && utf8_is_valid(own.db) ? spec_print(&s) : NULL;
		if (!text)
			fault_set(f, -EILSEQ,
				"cannot write the registry's specification: no memory, or a path that is not valid UTF-8");
	}
out:
	if (p)
		free(p->env);
	free(p);
	return text;
}
