/* config/cliconf.c - cli_config.json and its layers (config/cliconf.h). Reading and writing the
 * text: cliconf_file.c. */
#include "config/cliconf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/str.h"
#include "config/cliconf_parts.h"

#define SECONDS_MAX 31536000 /* a year; keeps every later product within bounds */

const struct conf_rule conf_rules[CONF_KEYS] = {
	[CONF_AUTO_RESTART] = { "auto_restart", "MCP_MESH_AUTO_RESTART", CONF_BOOL, 1, NULL, 0, 1 },
	[CONF_DB_PATH] = { "db_path", "MCP_MESH_DB_PATH", CONF_TEXT, 0, "./dev_registry.db", 1, 0 },
	[CONF_DEBUG_MODE] = { "debug_mode", "MCP_MESH_DEBUG_MODE", CONF_BOOL, 0, NULL, 0, 1 },
	[CONF_ENABLE_BACKGROUND] = { "enable_background", "MCP_MESH_ENABLE_BACKGROUND", CONF_BOOL,
		0, NULL, 0, 1 },
	[CONF_HEALTH_CHECK_INTERVAL] = { "health_check_interval", "MCP_MESH_HEALTH_CHECK_INTERVAL",
		CONF_INT, 30, NULL, 1, SECONDS_MAX },
	[CONF_LOG_LEVEL] = { "log_level", "MCP_MESH_LOG_LEVEL", CONF_TEXT, 0, "INFO", 1, 0 },
	[CONF_PID_FILE] = { "pid_file", "MCP_MESH_PID_FILE", CONF_TEXT, 0, "./mcp_mesh_dev.pid", 0,
		0 },
	[CONF_REGISTRY_COMMAND] = { "registry_command", "TEND_REGISTRY_COMMAND", CONF_TEXT, 0, "",
		0, 0 },
	[CONF_REGISTRY_HOST] = { "registry_host", "MCP_MESH_REGISTRY_HOST", CONF_TEXT, 0,
		"localhost", 1, 0 },
	[CONF_REGISTRY_PORT] = { "registry_port", "MCP_MESH_REGISTRY_PORT", CONF_INT, 8080, NULL, 1,
		65535 },
	[CONF_SHUTDOWN_TIMEOUT] = { "shutdown_timeout", "MCP_MESH_SHUTDOWN_TIMEOUT", CONF_INT, 30,
		NULL, 1, SECONDS_MAX },
	[CONF_STARTUP_TIMEOUT] = { "startup_timeout", "MCP_MESH_STARTUP_TIMEOUT", CONF_INT, 30,
		NULL, 1, SECONDS_MAX },
	[CONF_WATCH_FILES] = { "watch_files", "MCP_MESH_WATCH_FILES", CONF_BOOL, 1, NULL, 0, 1 },
};

const char *cliconf_name(enum conf_key key)
{
	return conf_rules[key].name;
}

const char *cliconf_variable(enum conf_key key)
{
	return conf_rules[key].variable;
}

enum conf_type cliconf_type(enum conf_key key)
{
	return conf_rules[key].type;
}

int cliconf_find(const char *name, enum conf_key *ret)
{
	for (unsigned k = 0; k < CONF_KEYS; k++)
		if (strcmp(conf_rules[k].name, name) == 0) {
			*ret = (enum conf_key)k;
			return 0;
		}
	return -ENOENT;
}

/* ---- values */

static bool is_log_level(const char *text)
{
	static const char *const levels[] = { "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcasecmp(text, levels[i]) == 0)
			return true;
	return false;
}

static bool is_host(const char *text)
{
	return strlen(text) < 256 &&
		text[strspn(text,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%")] ==
		0;
}

int conf_check(enum conf_key key, const struct conf_value *v, struct fault *f)
{
	const struct conf_rule *r = &conf_rules[key];
	struct stat st;
	char shown[128];

	if (r->type != CONF_TEXT) {
		if (v->number >= r->min && v->number <= r->max)
			return 0;
		return fault_set(f, -ERANGE, "%s must be from %lld to %lld, not %lld", r->name,
			(long long)r->min, (long long)r->max, (long long)v->number);
	}
	str_visible(shown, sizeof(shown), v->text);
	if (r->min && !v->text[0])
		return fault_set(f, -ERANGE, "%s must not be empty", r->name);
	if (strlen(v->text) >= CLICONF_TEXT_MAX)
		return fault_set(
			f, -ERANGE, "%s is longer than %u bytes", r->name, CLICONF_TEXT_MAX - 1);
	if (key == CONF_LOG_LEVEL && !is_log_level(v->text))
		return fault_set(f, -EINVAL,
			"%s must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not \"%s\"", r->name,
			shown);
	if (key == CONF_REGISTRY_HOST && !is_host(v->text))
		return fault_set(f, -ERANGE, "%s must be the name or address of a host, not \"%s\"",
			r->name, shown);
	if (key == CONF_DB_PATH && stat(v->text, &st) == 0 && S_ISDIR(st.st_mode))
		return fault_set(
			f, -ERANGE, "%s must be a file, but %s is a folder", r->name, shown);
	return 0;
}

static bool is_true(const char *text)
{
	return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
		strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0;
}

int conf_convert(enum conf_key key, const char *text, struct conf_value *ret, struct fault *f)
{
	const struct conf_rule *r = &conf_rules[key];
	struct conf_value v = { 0 };
	char shown[128];
	int e;

	str_visible(shown, sizeof(shown), text);
	if (r->type == CONF_BOOL)
		v.number = is_true(text);
	else if (r->type == CONF_INT && (e = str_int(text, INT64_MIN, INT64_MAX, &v.number)) < 0)
		return e == -ERANGE ? fault_set(f, -ERANGE, "%s must be from %lld to %lld, not %s",
					      r->name, (long long)r->min, (long long)r->max, shown)
				    : fault_set(f, -EINVAL, "%s must be a whole number, not \"%s\"",
					      r->name, shown);
	if (r->type == CONF_TEXT && !(v.text = strdup(text))) {
		fault_errno(f, -ENOMEM, "%s", r->name);
		return -ENOMEM;
	}
	e = conf_check(key, &v, f);
	if (e < 0) {
		free(v.text);
		return e;
	}
	*ret = v;
	return 0;
}

bool conf_is_default(enum conf_key key, const struct conf_value *v)
{
	const struct conf_rule *r = &conf_rules[key];

	return r->type == CONF_TEXT ? v->text && strcmp(v->text, r->text) == 0
				    : v->number == r->number;
}

void conf_put(struct cliconf *c, enum conf_key key, struct conf_value v, enum conf_from from)
{
	free(c->value[key].text);
	v.from = from;
	c->value[key] = v;
}

static int put_default(struct cliconf *c, enum conf_key key)
{
	const struct conf_rule *r = &conf_rules[key];
	struct conf_value v = { .number = r->number };

	if (r->type == CONF_TEXT && !(v.text = strdup(r->text)))
		return -ENOMEM;
	conf_put(c, key, v, CONF_FROM_DEFAULT);
	return 0;
}

/* ---- layers */

void conf_complain(struct conf_errors *e, const char *where, const char *text)
{
	size_t len = strlen(e->text);

	snprintf(e->text + len, sizeof(e->text) - len, "%s%s%s%s", e->n ? "; " : "",
		where ? where : "", where ? ": " : "", text);
	e->n++;
}

static void read_variable(
	struct cliconf *c, char *const *env, enum conf_key key, struct conf_errors *e)
{
	const char *text = env_value(env, conf_rules[key].variable);
	struct conf_value v = { .text = NULL };
	struct fault f;

	if (!text)
		return;
	if (conf_convert(key, text, &v, &f) < 0)
		conf_complain(e, conf_rules[key].variable, f.text);
	else if (conf_is_default(key, &v))
		free(v.text);
	else
		conf_put(c, key, v, CONF_FROM_ENV);
}

int cliconf_load(
	int home_fd, const char *path, char *const *env, struct cliconf *ret, struct conf_errors *e)
{
	struct cliconf c = { .env = env };
	int r = 0;

	memset(e, 0, sizeof(*e));
	for (unsigned k = 0; k < CONF_KEYS && r == 0; k++)
		r = put_default(&c, (enum conf_key)k);
	if (r < 0)
		conf_complain(e, NULL, "out of memory");
	for (unsigned k = 0; k < CONF_KEYS && r == 0; k++)
		read_variable(&c, env, (enum conf_key)k, e);
	if (r == 0)
		conf_read_file(home_fd, path, &c, e);
	if (e->n) {
		cliconf_done(&c);
		return -EINVAL;
	}
	*ret = c;
	return 0;
}

/* ---- looking and changing */

int64_t cliconf_number(const struct cliconf *c, enum conf_key key)
{
	return c->value[key].number;
}

bool cliconf_bool(const struct cliconf *c, enum conf_key key)
{
	return c->value[key].number != 0;
}

bool cliconf_is_shown(const struct cliconf *c, enum conf_key key)
{
	return key != CONF_REGISTRY_COMMAND || cliconf_text(c, key)[0];
}

const char *cliconf_text(const struct cliconf *c, enum conf_key key)
{
	return c->value[key].text;
}

const char *cliconf_show(const struct cliconf *c, enum conf_key key, char buf[static 24])
{
	const struct conf_value *v = &c->value[key];

	if (conf_rules[key].type == CONF_TEXT)
		return v->text;
	if (conf_rules[key].type == CONF_BOOL)
		return v->number ? "True" : "False";
	snprintf(buf, 24, "%lld", (long long)v->number);
	return buf;
}

int cliconf_option(struct cliconf *c, enum conf_key key, const char *text, struct fault *f)
{
	struct conf_value v = { .text = NULL };
	int r = conf_convert(key, text, &v, f);

	if (r == 0)
		conf_put(c, key, v, CONF_FROM_OPTION);
	return r;
}

int cliconf_set(struct cliconf *c, enum conf_key key, const char *text, struct fault *f)
{
	struct conf_value v = { .text = NULL };
	struct conf_errors e = { "", 0 };
	int r = conf_convert(key, text, &v, f);

	if (r < 0)
		return r;
	r = conf_write_key(c, key, &v);
	if (r < 0) {
		free(v.text);
		return fault_errno(f, r, "%s", conf_rules[key].name);
	}
	if (!conf_is_default(key, &v)) {
		conf_put(c, key, v, CONF_FROM_FILE);
		return 0;
	}
	free(v.text);
	r = put_default(c, key);
	if (r == 0)
		read_variable(c, c->env, key, &e);
	return r < 0 ? fault_errno(f, r, "%s", conf_rules[key].name) : 0;
}

int cliconf_keep(struct cliconf *c)
{
	for (unsigned k = 0; k < CONF_KEYS; k++) {
		int r = c->value[k].from == CONF_FROM_DEFAULT
			? 0
			: conf_write_key(c, (enum conf_key)k, &c->value[k]);

		if (r < 0)
			return r;
	}
	return 0;
}
