/* client/startspec.c - from wishes to a specification (client/startspec.h). */
#include "client/startspec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "client/place.h"

static bool same_key(const char *a, const char *b)
{
	// NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no entry of an environment is NULL but the last, which nobody passes
	size_t len = strcspn(a, "=");

	return strncmp(a, b, len) == 0 && (b[len] == '=' || b[len] == 0);
}

static bool has_key(char *const *env, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (same_key(env[i], key))
			return true;
	return false;
}

int startspec_init(struct startspec *s, const struct shell *shell, size_t sets)
{
	memset(s, 0, offsetof(struct startspec, cwd));
	s->cwd[0] = s->pwd[0] = 0;
	s->shell = shell;
	spec_init(&s->base);
	s->set = calloc(sets + 1, sizeof(*s->set));
	return s->set ? 0 : -ENOMEM;
}

void startspec_done(struct startspec *s)
{
	free(s->set);
	free(s->env);
	free(s->base.health);
}

void startspec_set(struct startspec *s, char *variable)
{
	size_t i = 0;

	while (i < s->sets && !same_key(s->set[i], variable))
		i++;
	s->set[i] = variable;
	s->sets += i == s->sets;
}

static void complain(const struct watcher *w, const char *variable)
{
	char text[4096];

	snprintf(text, sizeof(text), "environment variable %.*s is not valid UTF-8 and is left out",
		(int)strcspn(variable, "="), variable);
	watcher_hear(w, HEARD_COMPLAINT, text);
}

/* Not what is set for each process. */
int startspec_take(struct startspec *s, const struct watcher *w)
{
	static const char *const ours[] = { "TEND_NAME", "TEND_INSTANCE", "PWD" };
	char *const *own = s->shell->env;
	size_t n = 0;

	surroundings_take(s->shell, &s->base);
	while (own && own[n])
		n++;
	s->env = calloc(n + s->sets + 3, sizeof(*s->env));
	if (!s->env)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (same_key(own[i], ours[0]) || same_key(own[i], ours[1]) ||
			same_key(own[i], ours[2]) || has_key(s->set, s->sets, own[i]))
			continue;
		if (utf8_is_valid(own[i]))
			s->env[s->envs++] = own[i];
		else
			complain(w, own[i]);
	}
	for (size_t i = 0; i < s->sets; i++)
		s->env[s->envs++] = s->set[i];
	return 0;
}

int startspec_tell(struct startspec *s, char **variables)
{
	size_t n = 0, k = 0;
	char **env;

	while (variables[n])
		n++;
	env = calloc(s->envs + n + 3, sizeof(*env));
	if (!env)
		return -ENOMEM;
	for (size_t i = 0; i < s->envs; i++)
		if (has_key(s->set, s->sets, s->env[i]) || !has_key(variables, n, s->env[i]))
			env[k++] = s->env[i];
	for (size_t i = 0; i < n; i++)
		if (!has_key(s->set, s->sets, variables[i]))
			env[k++] = variables[i];
	free(s->env);
	s->env = env;
	s->envs = k;
	return 0;
}

static char *print(const struct spec *s, struct fault *f)
{
	char *text;

	for (char **a = s->argv; *a; a++) {
		if (utf8_is_valid(*a))
			continue;
		fault_set(f, -EILSEQ, "%s: the argument \"%s\" is not valid UTF-8", s->name, *a);
		return NULL;
	}
	if (!utf8_is_valid(s->cwd) || !utf8_is_valid(s->exe) ||
		(s->file && !utf8_is_valid(s->file))) {
		fault_set(f, -EILSEQ, "%s: a path is not valid UTF-8", s->name);
		return NULL;
	}
	text = spec_print(s);
	if (!text)
		fault_set(f, -ENOMEM, "out of memory");
	else if (strlen(text) > SPEC_BYTES_MAX) {
		free(text);
		fault_set(f, -E2BIG,
			"%s: command and environment are larger than the kernel accepts", s->name);
		return NULL;
	}
	return text;
}

const char *startspec_registry(const struct startspec *s)
{
	return spec_variable(s->env, "MCP_MESH_REGISTRY_URL");
}

/* PWD is the folder by the name that the process was given it by, as a shell would have it after
 * cd. */
static void finish_env(struct startspec *s, const char *cwd, bool python)
{
	const char *unbuffered = "PYTHONUNBUFFERED=1";
	size_t n = s->envs;

	snprintf(s->pwd, sizeof(s->pwd), "PWD=%s", cwd);
	if (!has_key(s->env, s->envs, s->pwd))
		s->env[n++] = s->pwd;
	/* Python keeps up to 8 KB of output to itself when it writes to a pipe. */
	if (python && !has_key(s->env, s->envs, unbuffered))
		s->env[n++] = (char *)(uintptr_t)unbuffered;
	s->env[n] = NULL;
}

char *startspec_agent(struct startspec *s, struct agent *a, struct fault *f)
{
	struct spec spec = s->base;

	str_copy(spec.name, sizeof(spec.name), a->name);
	spec.service = 0;
	spec.exe = a->exe;
	spec.argv = a->argv;
	spec.file = a->file;
	spec.cwd = s->cwd[0] ? s->cwd : a->folder;
	spec.env = s->env;
	spec.no_registry = s->no_registry && !startspec_registry(s);
	finish_env(s, spec.cwd, a->python);
	return print(&spec, f);
}

char *startspec_command(struct startspec *s, char **command, struct fault *f)
{
	struct spec spec = s->base;
	char exe[PATH_MAX], here[PATH_MAX];

	str_copy(spec.name, sizeof(spec.name), s->name);
	spec.service = 1;
	spec.exe = exe;
	spec.argv = command;
	spec.cwd = s->cwd;
	spec.env = s->env;
	if (agentfile_program(s->shell->env, command[0], exe, f) < 0)
		return NULL;
	if (!s->cwd[0]) {
		spec.cwd = here;
		if (place_here(s->shell->env, here, f) < 0)
			return NULL;
	}
	finish_env(s, spec.cwd, false);
	return print(&spec, f);
}
