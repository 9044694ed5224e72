/* cli/startopts.c - the options of "tend start" (cli/startopts.h). */
#include "cli/startopts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/utf8.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "cli/tell.h"
#include "client/place.h"
#include "config/health.h"
#include "config/healthword.h"

static bool add_env(struct startopts *o, char *text)
{
	if (text[0] == '=' || !strchr(text, '=')) {
		out_misuse("--env %s: expected NAME=VALUE", text);
		return false;
	}
	if (!utf8_is_valid(text)) {
		out_misuse("--env %s: not valid UTF-8", text);
		return false;
	}
	startspec_set(&o->spec, text);
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
			"--restart-limit %s: expected N/DURATION, for example 10/5m; 0 is no limit",
			text);
		return false;
	}
	if (slash && !opts_duration("--restart-limit", slash + 1, UINT32_MAX, &ms))
		return false;
	if (ms == 0) {
		out_misuse("--restart-limit %s: the duration must be above 0", text);
		return false;
	}
	o->spec.base.restart_limit = (uint16_t)n;
	o->spec.base.restart_window_ms = (uint32_t)ms;
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
	o->spec.base.stop_signal = (uint8_t)signo;
	return true;
}

static bool read_policy(struct startopts *o, const char *text)
{
	if (spec_policy(text, &o->spec.base.policy) == 0)
		return true;
	out_misuse("--restart %s: expected no, on-failure or always", text);
	return false;
}

static bool read_name(struct startopts *o, const char *text)
{
	struct fault f;

	o->spec.name = text;
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
	return str_copy(o->spec.base.group, sizeof(o->spec.base.group), text);
}

static bool read_cwd(struct startopts *o, const char *text)
{
	struct stat st;
	int r = place_absolute(shell_own()->env, text, o->spec.cwd, NULL);

	if (r == 0 && stat(o->spec.cwd, &st) < 0)
		r = -errno;
	if (r < 0)
		out_fail("cannot use the folder %s: %s", text, strerror(-r));
	else if (!S_ISDIR(st.st_mode))
		out_fail("cannot use the folder %s: it is not a folder", text);
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
		o->spec.base.separate_stderr = 1;
		return true;
	case LOG_SIZE:
		return opts_bytes("--log-size", value, &o->spec.base.log_rotate_bytes);
	case LOG_AGE:
		return read_seconds("--log-age", value, &o->spec.base.log_rotate_age_s);
	case LOG_KEEP:
		if (str_int(value, 0, UINT32_MAX, &n) < 0) {
			out_misuse(
				"--log-keep %s: expected a number of files; 0 is no limit", value);
			return false;
		}
		o->spec.base.log_keep_files = (uint32_t)n;
		return true;
	case LOG_KEEP_AGE:
		return read_seconds("--log-keep-age", value, &o->spec.base.log_keep_age_s);
	default:
		return opts_bytes("--log-keep-bytes", value, &o->spec.base.log_keep_bytes);
	}
}

/* A word, or a file that holds the object. */
static bool read_health(struct startopts *o, const char *text)
{
	struct health_conf c;
	struct fault f = { "" };
	size_t len = 0;
	int r;

	free(o->spec.base.health);
	o->spec.base.health = NULL;
	if (health_is_word(text)) {
		o->spec.base.health = health_from_word(text, &f);
		if (!o->spec.base.health)
			out_misuse("--health %s: %s", text, f.text);
		return o->spec.base.health != NULL;
	}
	r = io_read_file(AT_FDCWD, text, HEALTH_BYTES_MAX, &o->spec.base.health, &len);
	if (r < 0) {
		out_misuse(
			"--health %s: %s; expected a file, or mesh, mesh:PORT, http:URL, tcp:PORT, exec:COMMAND or mcp:URL",
			text, strerror(-r));
		return false;
	}
	if (strlen(o->spec.base.health) != len ||
		health_parse(o->spec.base.health, len, &c, &f) < 0) {
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
	o->spec.shaped = o->spec.shaped ||
		(opt != BACKGROUND && opt != REGISTRY_ONLY && opt != NO_REGISTRY && opt != JSON &&
			opt != GROUP);
	o->policy_given = o->policy_given || opt == RESTART;
	switch (opt) {
	case REGISTRY_ONLY:
		o->registry_only = true;
		return true;
	case NO_REGISTRY:
		o->spec.no_registry = true;
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
		return read_ms("--stop-timeout", value, &o->spec.base.stop_timeout_ms);
	case DELAY:
		return read_ms("--restart-delay", value, &o->spec.base.restart_delay_ms);
	case MAX_DELAY:
		return read_ms("--restart-max-delay", value, &o->spec.base.restart_max_delay_ms);
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
		return read_ms("--stable", value, &o->spec.base.stable_ms);
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

	memset(ret, 0, offsetof(struct startopts, spec));
	if (startspec_init(&ret->spec, shell_own(), (size_t)argc) < 0) {
		out_fail("out of memory");
		return OPT_FAILED;
	}
	while ((opt = opts_next(c, argc, argv, options)) >= 0) {
		if (!take(ret, opt, optarg))
			return opt == NAME || opt == CWD ? OPT_FAILED : OPT_BAD;
	}
	if (opt != OPT_END)
		return opt;
	if (startspec_take(&ret->spec, &tell_watcher) < 0) {
		out_fail("out of memory");
		return OPT_FAILED;
	}
	return OPT_END;
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
		o->spec.base.health_check_interval_s = (uint32_t)cliconf_number(
			c, CONF_HEALTH_CHECK_INTERVAL);
	return EXIT_OK;
}

void startopts_done(struct startopts *o)
{
	startspec_done(&o->spec);
}
