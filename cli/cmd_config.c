/* tend config - show and change cli_config.json. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/io.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/shell.h"
#include "cli/tell.h"
#include "client/conf.h"
#include "client/like.h"
#include "client/turn.h"
#include "words/doc.h"

static int show_json(const struct cliconf *c)
{
	struct json_out o = { 0 };

	doc_config(&o, c);
	return printjson(&o);
}

static int show_yaml(const struct cliconf *c)
{
	char number[24], visible[4 * CLICONF_TEXT_MAX];

	for (unsigned k = 0; k < CONF_KEYS; k++) {
		if (!cliconf_is_shown(c, (enum conf_key)k))
			continue;
		str_visible(visible, sizeof(visible), cliconf_show(c, (enum conf_key)k, number));
		printf("%s: %s\n", cliconf_name((enum conf_key)k), visible);
	}
	return EXIT_OK;
}

static int show(const char *format)
{
	struct outcomes oc = tell_begin(false);
	struct cliconf c;
	int status;

	if (!conf_load(&oc, NULL, shell_own()->env, &c))
		return EXIT_FAIL;
	status = strcmp(format, "json") == 0 ? show_json(&c) : show_yaml(&c);
	cliconf_done(&c);
	return status;
}

static int unknown_key(const char *name)
{
	struct like like = LIKE(name);

	for (unsigned k = 0; k < CONF_KEYS; k++)
		like_try(&like, cliconf_name((enum conf_key)k));
	if (like.best)
		return out_fail("unknown key %s; did you mean %s?", name, like.best);
	return out_fail("unknown key %s; \"tend config show\" lists them", name);
}

/* What is to be done to the configuration. */
struct wish {
	const char *name; /* NULL: keep all that is in force */
	enum conf_key key;
	const char *text;
};

/* The configuration as it is to be. False: reported. */
static bool load_changed(struct cliconf *ret, const struct wish *w)
{
	struct outcomes oc = tell_begin(false);
	struct fault f = { "" };
	int r;

	if (!conf_load(&oc, NULL, shell_own()->env, ret))
		return false;
	r = w->name ? cliconf_set(ret, w->key, w->text, &f) : cliconf_keep(ret);
	if (r == 0)
		return true;
	if (w->name)
		out_fail("Configuration error: %s", f.text);
	else
		out_fail("out of memory");
	cliconf_done(ret);
	return false;
}

/* Read, change and write, alone: of two that read the same file, the second to write would undo
 * what the first one has written. */
static bool change_alone(const struct home *h, const struct wish *w, struct cliconf *ret)
{
	struct fault f = { "" };
	int turn = turn_take(h, TURN_CONFIG, &tell_watcher, &f);
	bool ok = turn >= 0 && load_changed(ret, w);

	if (turn < 0)
		out_fail("%s", f.text);
	else if (ok && cliconf_save(h->fd, ret, &f) < 0) {
		out_fail("%s", f.text);
		cliconf_done(ret);
		ok = false;
	}
	io_close(&turn);
	return ok;
}

/* What is in the file then is in *ret. A wish that can't be carried out makes no home. */
static bool change(const struct wish *w, struct cliconf *ret)
{
	struct home h = HOME_INIT;
	struct fault f = { "" };
	bool ok;

	if (!load_changed(ret, w))
		return false;
	cliconf_done(ret);
	ok = home_open(NULL, HOME_CREATE, &h, &f) == 0;
	if (!ok)
		out_fail("%s", f.text);
	ok = ok && change_alone(&h, w, ret);
	home_close(&h);
	return ok;
}

static int set(const char *name, const char *text)
{
	struct wish w = { .name = name, .text = text };
	struct cliconf c;
	char number[24], visible[4 * CLICONF_TEXT_MAX];

	if (cliconf_find(name, &w.key) < 0)
		return unknown_key(name);
	if (cliconf_type(w.key) == CONF_TEXT && !utf8_is_valid(text))
		return out_fail("Configuration error: %s is not valid UTF-8", name);
	if (!change(&w, &c))
		return EXIT_FAIL;
	str_visible(visible, sizeof(visible), cliconf_show(&c, w.key, number));
	if (c.value[w.key].from == CONF_FROM_ENV)
		out_warn("%s is the default, and such a value counts as not set: $%s decides (%s)",
			text, cliconf_variable(w.key), visible);
	else
		printf("%s = %s\n", name, visible);
	cliconf_done(&c);
	return EXIT_OK;
}

static int save_all(void)
{
	struct outcomes oc = tell_begin(false);
	const struct wish everything = { .name = NULL };
	char path[PATH_MAX + 64];
	struct cliconf c;

	if (!conf_path(&oc, NULL, path, sizeof(path)) || !change(&everything, &c))
		return EXIT_FAIL;
	printf("Configuration saved to %s\n", path);
	cliconf_done(&c);
	return EXIT_OK;
}

static int reset(void)
{
	struct home h = HOME_INIT;
	struct fault f = { "" };
	int r = home_open(NULL, HOME_CREATE, &h, &f),
	    turn = r < 0 ? r : turn_take(&h, TURN_CONFIG, &tell_watcher, &f);

	r = turn < 0 ? turn : cliconf_reset(h.fd, &f);
	io_close(&turn);
	home_close(&h);
	if (r < 0)
		return out_fail("%s", f.text);
	printf("Configuration reset to defaults\n");
	return EXIT_OK;
}

static int print_path(void)
{
	struct outcomes oc = tell_begin(false);
	char path[PATH_MAX + 64];

	if (!conf_path(&oc, NULL, path, sizeof(path)))
		return EXIT_FAIL;
	printf("%s\n", path);
	return EXIT_OK;
}

static int dispatch(int n, char **word, const char *format)
{
	static const struct action {
		const char *name;
		int operands;
	} actions[] = { { "show", 0 }, { "set", 2 }, { "reset", 0 }, { "path", 0 }, { "save", 0 } };
	struct like like = LIKE(word[0]);

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		like_try(&like, actions[i].name);
		if (strcmp(word[0], actions[i].name) != 0)
			continue;
		if (n - 1 != actions[i].operands)
			return n - 1 < actions[i].operands
				? out_misuse("%s needs KEY and VALUE", word[0])
				: out_misuse("%s: too many operands", word[0]);
		if (format && i != 0)
			return out_misuse("--format and --json belong to show");
		switch (i) {
		case 0:
			return show(format ? format : "yaml");
		case 1:
			return set(word[1], word[2]);
		case 2:
			return reset();
		case 3:
			return print_path();
		default:
			return save_all();
		}
	}
	if (like.best)
		return out_misuse("unknown action %s; did you mean %s?", word[0], like.best);
	return out_misuse("unknown action %s", word[0]);
}

static int read_words(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' }, { 0 } };
	const char *format = NULL;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		format = opt == 'j' ? "json" : optarg;
		if (strcmp(format, "yaml") != 0 && strcmp(format, "json") != 0)
			return out_misuse("--format %s: expected yaml or json", format);
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc) /* as in the reference: nothing asked, nothing said */
		return EXIT_OK;
	return dispatch(argc - optind, argv + optind, format);
}

/* A number below zero is a value like any other, if a bad one, and no option: "--" goes in front of
 * it. */
static int run(const struct command *self, int argc, char **argv)
{
	static char end[] = "--";
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	int n = 0, status;
	bool ended = false;

	if (!words)
		return out_fail("out of memory");
	for (int i = 0; i < argc; i++) {
		if (!ended && argv[i][0] == '-' && isdigit((unsigned char)argv[i][1]))
			words[n++] = end;
		words[n++] = argv[i];
		ended = ended || n > i + 1 || strcmp(argv[i], end) == 0;
	}
	status = read_words(self, n, words);
	free(words);
	return status;
}

const struct command cmd_config = {
	.name = "config",
	.summary = "show and change the configuration",
	.usage = "show [--format yaml|json] [--json]\nset KEY VALUE\nreset\npath\nsave",
	.help = "  show    what is in force: one \"key: value\" line each, or JSON\n"
		"  set     put a value into the file. Booleans: true, 1, yes and on are true, all\n"
		"          else is false\n"
		"  reset   take everything that was set out of the file; repairs a damaged one\n"
		"  path    where the file is\n"
		"  save    put what is in force, the environment included, into the file\n"
		"\n"
		"  --format FORM  of show: yaml (default) or json\n"
		"  --json         the same as --format json\n"
		"\n"
		"A value comes from the first of these that has one: an option of the command,\n"
		"the file, the environment, the built-in default. In file and environment a value\n"
		"that equals the default counts as not set.\n"
		"\n"
		"  KEY                    DEFAULT             ENVIRONMENT\n"
		"  auto_restart           True                MCP_MESH_AUTO_RESTART\n"
		"  db_path                ./dev_registry.db   MCP_MESH_DB_PATH\n"
		"  debug_mode             False               MCP_MESH_DEBUG_MODE\n"
		"  enable_background      False               MCP_MESH_ENABLE_BACKGROUND\n"
		"  health_check_interval  30                  MCP_MESH_HEALTH_CHECK_INTERVAL\n"
		"  log_level              INFO                MCP_MESH_LOG_LEVEL\n"
		"  pid_file               ./mcp_mesh_dev.pid  MCP_MESH_PID_FILE\n"
		"  registry_command       (none)              TEND_REGISTRY_COMMAND\n"
		"  registry_host          localhost           MCP_MESH_REGISTRY_HOST\n"
		"  registry_port          8080                MCP_MESH_REGISTRY_PORT\n"
		"  shutdown_timeout       30                  MCP_MESH_SHUTDOWN_TIMEOUT\n"
		"  startup_timeout        30                  MCP_MESH_STARTUP_TIMEOUT\n"
		"  watch_files            True                MCP_MESH_WATCH_FILES\n"
		"\n"
		"Examples:\n"
		"  tend config set registry_port 9000\n"
		"  tend config show --format json\n",
	.run = run,
};
