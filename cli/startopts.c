/* cli/startopts.c - the options of "tend start" (cli/startopts.h). */
#include "cli/startopts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/utf8.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "client/place.h"
#include "config/health.h"

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

/* Our own environment, without what is set for each process, and with --env in its place. JSON
 * holds UTF-8 only. */
static bool build_env(struct startopts *o)
{
	static const char *const ours[] = { "TEND_NAME", "TEND_INSTANCE", "PWD" };
	size_t n = 0;

	while (environ && environ[n])
		n++;
	o->env = calloc(n + o->adds + 3, sizeof(*o->env));
	if (!o->env) {
		out_fail("out of memory");
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (same_key(environ[i], ours[0]) || same_key(environ[i], ours[1]) ||
			same_key(environ[i], ours[2]) || has_key(o->add, o->adds, environ[i]))
			continue;
		if (utf8_is_valid(environ[i]))
			o->env[o->envs++] = environ[i];
		else
			out_warn("environment variable %.*s is not valid UTF-8 and is left out",
				(int)strcspn(environ[i], "="), environ[i]);
	}
	for (size_t i = 0; i < o->adds; i++)
		o->env[o->envs++] = o->add[i];
	return true;
}

static bool add_env(struct startopts *o, char *text)
{
	size_t i = 0;

	if (text[0] == '=' || !strchr(text, '=')) {
		out_misuse("--env %s: NAME=VALUE is wanted", text);
		return false;
	}
	if (!utf8_is_valid(text)) {
		out_misuse("--env %s: not valid UTF-8", text);
		return false;
	}
	while (i < o->adds && !same_key(o->add[i], text)) /* the last one counts */
		i++;
	o->add[i] = text;
	o->adds += i == o->adds;
	return true;
}

static bool read_limit(struct startopts *o, const char *text)
{
	const char *slash = strchr(text, '/');
	char number[16];
	int64_t n;
	uint64_t ms = SPEC_RESTART_WINDOW_MS;

	snprintf(number, sizeof(number), "%.*s", slash ? (int)(slash - text) : (int)strlen(text),
		text);
	if ((slash ? (size_t)(slash - text) : strlen(text)) >= sizeof(number) ||
		str_int(number, 0, UINT16_MAX, &n) < 0) {
		out_misuse(
			"--restart-limit %s: N/DURATION is wanted, for example 10/5m; 0 is no limit",
			text);
		return false;
	}
	if (slash && !opts_duration("--restart-limit", slash + 1, UINT32_MAX, &ms))
		return false;
	if (ms == 0) {
		out_misuse("--restart-limit %s: the duration must be above 0", text);
		return false;
	}
	o->base.restart_limit = (uint16_t)n;
	o->base.restart_window_ms = (uint32_t)ms;
	return true;
}

static bool read_ms(const char *what, const char *text, uint32_t *ret)
{
	uint64_t ms;

	if (!opts_duration(what, text, UINT32_MAX, &ms))
		return false;
	*ret = (uint32_t)ms;
	return true;
}

static bool read_signal(struct startopts *o, const char *text)
{
	int signo;

	if (str_signal(text, &signo) < 0 || signo < 1) {
		out_misuse("--stop-signal %s: no such signal", text);
		return false;
	}
	o->base.stop_signal = (uint8_t)signo;
	return true;
}

static bool read_policy(struct startopts *o, const char *text)
{
	if (spec_policy(text, &o->base.policy) == 0)
		return true;
	out_misuse("--restart %s: no, on-failure or always is wanted", text);
	return false;
}

static bool read_name(struct startopts *o, const char *text)
{
	struct fault f;

	o->name = text;
	if (agentfile_name(text, &f) == 0)
		return true;
	out_fail("%s", f.text);
	return false;
}

static bool read_group(struct startopts *o, const char *text)
{
	struct fault f;

	if (name_check(text, &f) < 0) {
		out_misuse("--group: %s", f.text);
		return false;
	}
	return str_copy(o->base.group, sizeof(o->base.group), text);
}

static bool read_cwd(struct startopts *o, const char *text)
{
	struct stat st;
	int r = place_absolute(environ, text, o->cwd, NULL);

	if (r == 0 && stat(o->cwd, &st) < 0)
		r = -errno;
	if (r < 0)
		out_fail("cannot use the folder %s: %s", text, strerror(-r));
	else if (!S_ISDIR(st.st_mode))
		out_fail("cannot use the folder %s: it is no folder", text);
	else
		return true;
	return false;
}


enum {
	BACKGROUND = 256,
	JSON,
	NAME,
	RESTART,
	ENV,
	CWD,
	STOP_SIGNAL,
	STOP_TIMEOUT,
	DELAY,
	MAX_DELAY,
	LIMIT,
	STABLE,
	SEPARATE_STDERR,
	LOG_SIZE,
	LOG_AGE,
	LOG_KEEP,
	LOG_KEEP_AGE,
	LOG_KEEP_BYTES,
	HEALTH,
	GROUP,
	REGISTRY_ONLY,
	NO_REGISTRY,
	CONFIG /* + enum conf_key; the last */
};

static bool read_seconds(const char *what, const char *text, uint32_t *ret)
{
	uint64_t ms;

	if (!opts_duration(what, text, UINT32_MAX * 1000ull, &ms))
		return false;
	*ret = (uint32_t)((ms + 999) / 1000);
	return true;
}

static bool take_log(struct startopts *o, int opt, const char *value)
{
	int64_t n;

	switch (opt) {
	case SEPARATE_STDERR:
		o->base.separate_stderr = 1;
		return true;
	case LOG_SIZE:
		return opts_bytes("--log-size", value, &o->base.log_rotate_bytes);
	case LOG_AGE:
		return read_seconds("--log-age", value, &o->base.log_rotate_age_s);
	case LOG_KEEP:
		if (str_int(value, 0, UINT32_MAX, &n) < 0) {
			out_misuse(
				"--log-keep %s: a number of files is wanted; 0 is no limit", value);
			return false;
		}
		o->base.log_keep_files = (uint32_t)n;
		return true;
	case LOG_KEEP_AGE:
		return read_seconds("--log-keep-age", value, &o->base.log_keep_age_s);
	default:
		return opts_bytes("--log-keep-bytes", value, &o->base.log_keep_bytes);
	}
}

/* A word, or a file that holds the object. */
static bool read_health(struct startopts *o, const char *text)
{
	struct health_conf c;
	struct fault f = { "" };
	size_t len = 0;
	int r;

	free(o->base.health);
	o->base.health = NULL;
	if (health_is_word(text)) {
		o->base.health = health_from_word(text, &f);
		if (!o->base.health)
			out_misuse("--health %s: %s", text, f.text);
		return o->base.health != NULL;
	}
	r = io_read_file(AT_FDCWD, text, HEALTH_BYTES_MAX, &o->base.health, &len);
	if (r < 0) {
		out_misuse(
			"--health %s: %s; a file or mesh, mesh:PORT, http:URL, tcp:PORT, exec:COMMAND, mcp:URL is wanted",
			text, strerror(-r));
		return false;
	}
	if (strlen(o->base.health) != len || health_parse(o->base.health, len, &c, &f) < 0) {
		out_misuse("--health %s: %s", text, f.text[0] ? f.text : "it holds a NUL byte");
		return false;
	}
	health_conf_done(&c);
	return true;
}

static bool take(struct startopts *o, int opt, char *value)
{
	if (opt >= CONFIG) {
		o->conf[opt - CONFIG] = value ? value : "true";
		return true;
	}
	o->shaped = o->shaped ||
		(opt != BACKGROUND && opt != REGISTRY_ONLY && opt != NO_REGISTRY && opt != JSON &&
			opt != GROUP);
	o->policy_given = o->policy_given || opt == RESTART;
	switch (opt) {
	case REGISTRY_ONLY:
		o->registry_only = true;
		return true;
	case NO_REGISTRY:
		o->no_registry = true;
		return true;
	case BACKGROUND:
		o->background = true;
		return true;
	case JSON:
		o->json = true;
		return true;
	case NAME:
		return read_name(o, value);
	case RESTART:
		return read_policy(o, value);
	case ENV:
		return add_env(o, value);
	case CWD:
		return read_cwd(o, value);
	case STOP_SIGNAL:
		return read_signal(o, value);
	case STOP_TIMEOUT:
		return read_ms("--stop-timeout", value, &o->base.stop_timeout_ms);
	case DELAY:
		return read_ms("--restart-delay", value, &o->base.restart_delay_ms);
	case MAX_DELAY:
		return read_ms("--restart-max-delay", value, &o->base.restart_max_delay_ms);
	case GROUP:
		return read_group(o, value);
	case HEALTH:
		return read_health(o, value);
	case LIMIT:
		return read_limit(o, value);
	case SEPARATE_STDERR:
	case LOG_SIZE:
	case LOG_AGE:
	case LOG_KEEP:
	case LOG_KEEP_AGE:
	case LOG_KEEP_BYTES:
		return take_log(o, opt, value);
	default:
		return read_ms("--stable", value, &o->base.stable_ms);
	}
}

int startopts_read(const struct command *c, int argc, char **argv, struct startopts *ret)
{
	static const struct option options[] = {
		{ "background", no_argument, NULL, BACKGROUND },
		{ "json", no_argument, NULL, JSON },
		{ "name", required_argument, NULL, NAME },
		{ "restart", required_argument, NULL, RESTART },
		{ "env", required_argument, NULL, ENV },
		{ "cwd", required_argument, NULL, CWD },
		{ "stop-signal", required_argument, NULL, STOP_SIGNAL },
		{ "stop-timeout", required_argument, NULL, STOP_TIMEOUT },
		{ "restart-delay", required_argument, NULL, DELAY },
		{ "restart-max-delay", required_argument, NULL, MAX_DELAY },
		{ "restart-limit", required_argument, NULL, LIMIT },
		{ "group", required_argument, NULL, GROUP },
		{ "health", required_argument, NULL, HEALTH },
		{ "stable", required_argument, NULL, STABLE },
		{ "separate-stderr", no_argument, NULL, SEPARATE_STDERR },
		{ "log-size", required_argument, NULL, LOG_SIZE },
		{ "log-age", required_argument, NULL, LOG_AGE },
		{ "log-keep", required_argument, NULL, LOG_KEEP },
		{ "log-keep-age", required_argument, NULL, LOG_KEEP_AGE },
		{ "log-keep-bytes", required_argument, NULL, LOG_KEEP_BYTES },
		{ "registry-only", no_argument, NULL, REGISTRY_ONLY },
		{ "no-registry", no_argument, NULL, NO_REGISTRY },
		{ "registry-port", required_argument, NULL, CONFIG + CONF_REGISTRY_PORT },
		{ "registry-host", required_argument, NULL, CONFIG + CONF_REGISTRY_HOST },
		{ "db-path", required_argument, NULL, CONFIG + CONF_DB_PATH },
		{ "log-level", required_argument, NULL, CONFIG + CONF_LOG_LEVEL },
		{ "health-check-interval", required_argument, NULL,
			CONFIG + CONF_HEALTH_CHECK_INTERVAL },
		{ "startup-timeout", required_argument, NULL, CONFIG + CONF_STARTUP_TIMEOUT },
		{ "debug", no_argument, NULL, CONFIG + CONF_DEBUG_MODE },
		{ 0 },
	};
	int opt;

	memset(ret, 0, sizeof(*ret));
	spec_init(&ret->base);
	ret->add = calloc((size_t)argc + 1, sizeof(*ret->add));
	if (!ret->add) {
		out_fail("out of memory");
		return OPT_FAILED;
	}
	while ((opt = opts_next(c, argc, argv, options)) >= 0) {
		if (!take(ret, opt, optarg))
			return opt == NAME || opt == CWD ? OPT_FAILED : OPT_BAD;
	}
	if (opt != OPT_END)
		return opt;
	surroundings_take(shell_own(), &ret->base);
	return build_env(ret) ? OPT_END : OPT_FAILED;
}

/* What can't be read is misuse; what can, and must not be, fails as it does where it stands in the
 * configuration. */
static int complain(enum conf_key key, int r, const struct fault *f)
{
	char option[40];

	str_copy(option, sizeof(option), cliconf_name(key));
	for (char *c = option; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return r == -EINVAL ? out_misuse("--%s: %s", option, f->text)
			    : out_fail("Configuration error: --%s: %s", option, f->text);
}

int startopts_configure(struct startopts *o, struct cliconf *c)
{
	struct fault f;

	for (unsigned k = 0; k < CONF_KEYS; k++) {
		int r = o->conf[k] ? cliconf_option(c, (enum conf_key)k, o->conf[k], &f) : 0;

		if (r < 0)
			return complain((enum conf_key)k, r, &f);
	}
	if (o->conf[CONF_HEALTH_CHECK_INTERVAL])
		o->base.health_check_interval_s = (uint32_t)cliconf_number(
			c, CONF_HEALTH_CHECK_INTERVAL);
	return EXIT_OK;
}

bool startopts_variables(struct startopts *o, char **variables)
{
	size_t n = 0, k = 0;
	char **env;

	while (variables[n])
		n++;
	env = calloc(o->envs + n + 3, sizeof(*env));
	if (!env)
		return false;
	for (size_t i = 0; i < o->envs; i++)
		if (has_key(o->add, o->adds, o->env[i]) || !has_key(variables, n, o->env[i]))
			env[k++] = o->env[i];
	for (size_t i = 0; i < n; i++)
		if (!has_key(o->add, o->adds, variables[i]))
			env[k++] = variables[i];
	free(o->env);
	o->env = env;
	o->envs = k;
	return true;
}

void startopts_done(struct startopts *o)
{
	free(o->add);
	free(o->env);
	free(o->base.health);
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

const char *startopts_registry(const struct startopts *o)
{
	return spec_variable(o->env, "MCP_MESH_REGISTRY_URL");
}

/* PWD is the folder by the name that the process was given it by, as a shell would have it after
 * cd. */
static void finish_env(struct startopts *o, const char *cwd, bool python)
{
	static char unbuffered[] = "PYTHONUNBUFFERED=1", pwd[PATH_MAX + 8];
	size_t n = o->envs;

	snprintf(pwd, sizeof(pwd), "PWD=%s", cwd);
	if (!has_key(o->env, o->envs, pwd))
		o->env[n++] = pwd;
	/* Python keeps up to 8 KB of output to itself when it writes to a pipe. */
	if (python && !has_key(o->env, o->envs, unbuffered))
		o->env[n++] = unbuffered;
	o->env[n] = NULL;
}

char *startopts_agent(struct startopts *o, struct agent *a, struct fault *f)
{
	struct spec s = o->base;

	str_copy(s.name, sizeof(s.name), a->name);
	s.service = 0;
	s.exe = a->exe;
	s.argv = a->argv;
	s.file = a->file;
	s.cwd = o->cwd[0] ? o->cwd : a->folder;
	s.env = o->env;
	s.no_registry = o->no_registry && !startopts_registry(o);
	finish_env(o, s.cwd, a->python);
	return print(&s, f);
}

char *startopts_command(struct startopts *o, char **command, struct fault *f)
{
	struct spec s = o->base;
	char exe[PATH_MAX], here[PATH_MAX];

	str_copy(s.name, sizeof(s.name), o->name);
	s.service = 1;
	s.exe = exe;
	s.argv = command;
	s.cwd = o->cwd;
	s.env = o->env;
	if (agentfile_program(environ, command[0], exe, f) < 0)
		return NULL;
	if (!o->cwd[0]) {
		s.cwd = here;
		if (place_here(environ, here, f) < 0)
			return NULL;
	}
	finish_env(o, s.cwd, false);
	return print(&s, f);
}
