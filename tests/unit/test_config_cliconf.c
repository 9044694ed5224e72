/* tests/unit/test_config_cliconf.c - cli_config.json: layers, conversions, all errors at once, what
 * is written. */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "config/cliconf.h"
#include "tests/unit/run.h"

static char folder[] = "/tmp/test-cliconf-XXXXXX";
static int folder_fd = -1;
static struct conf_errors errors;

static void set_up(void)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(folder_fd, 0);
	for (unsigned k = 0; k < CONF_KEYS; k++)
		unsetenv(cliconf_variable((enum conf_key)k));
}

static void tear_down(void)
{
	(void)unlinkat(folder_fd, CLICONF_FILE, 0);
	close(folder_fd);
	ck_assert_int_eq(rmdir(folder), 0); /* also: no temporary file stays */
}

static void write_file(const char *text)
{
	ck_assert_int_eq(io_replace(folder_fd, CLICONF_FILE, text, strlen(text), IO_NO_SYNC), 0);
}

static char *read_back(void)
{
	char *text = NULL;

	ck_assert_int_eq(io_read_file(folder_fd, CLICONF_FILE, CLICONF_BYTES_MAX, &text, NULL), 0);
	return text;
}

static void load(struct cliconf *c)
{
	int r = cliconf_load(folder_fd, "F", environ, c, &errors);

	ck_assert_msg(r == 0, "%s", errors.text);
}

/* Loading must fail, saying exactly this. */
static void refuse(const char *file, const char *complaint)
{
	struct cliconf c;

	write_file(file);
	ck_assert_int_eq(cliconf_load(folder_fd, "F", environ, &c, &errors), -EINVAL);
	ck_assert_str_eq(errors.text, complaint);
}

START_TEST(defaults_without_anything)
{
	struct cliconf c;
	char number[24];

	load(&c);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8080);
	ck_assert_str_eq(cliconf_text(&c, CONF_REGISTRY_HOST), "localhost");
	ck_assert_str_eq(cliconf_text(&c, CONF_DB_PATH), "./dev_registry.db");
	ck_assert_str_eq(cliconf_show(&c, CONF_WATCH_FILES, number), "True");
	ck_assert_str_eq(cliconf_show(&c, CONF_DEBUG_MODE, number), "False");
	ck_assert_str_eq(cliconf_show(&c, CONF_STARTUP_TIMEOUT, number), "30");
	cliconf_done(&c);
	ck_assert_int_eq(cliconf_load(-1, "F", environ, &c, &errors), 0);
	cliconf_done(&c);
}
END_TEST

START_TEST(layers_and_their_quirk)
{
	struct cliconf c;

	setenv("MCP_MESH_REGISTRY_PORT", "8222", 1);
	setenv("MCP_MESH_DEBUG_MODE", "YES", 1);
	setenv("MCP_MESH_WATCH_FILES", "perhaps", 1);
	load(&c);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8222);
	ck_assert(cliconf_bool(&c, CONF_DEBUG_MODE));
	ck_assert(!cliconf_bool(&c, CONF_WATCH_FILES));
	cliconf_done(&c);
	write_file("{\"registry_port\": 8333, \"debug_mode\": true}");
	load(&c);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8333);
	ck_assert_int_eq(c.value[CONF_REGISTRY_PORT].from, CONF_FROM_FILE);
	/* an explicit option always wins */
	ck_assert_int_eq(cliconf_option(&c, CONF_REGISTRY_PORT, "8080", NULL), 0);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8080);
	cliconf_done(&c);
	/* the defaults: as if they were not there */
	write_file("{\"registry_port\": 8080, \"debug_mode\": false}");
	load(&c);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8222);
	ck_assert(cliconf_bool(&c, CONF_DEBUG_MODE));
	cliconf_done(&c);
}
END_TEST

START_TEST(values_of_the_file)
{
	struct cliconf c;

	write_file(
		"{\"registry_port\": 9000.0, \"log_level\": \"debug\", \"other\": {\"x\": [1]}, \"startup_timeout\": 5, \"startup_timeout\": 6}");
	load(&c);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 9000);
	ck_assert_str_eq(cliconf_text(&c, CONF_LOG_LEVEL), "debug");   /* as typed */
	ck_assert_int_eq(cliconf_number(&c, CONF_STARTUP_TIMEOUT), 6); /* the last of two counts */
	cliconf_done(&c);
}
END_TEST

START_TEST(every_error_at_once)
{
	setenv("MCP_MESH_STARTUP_TIMEOUT", "", 1);
	refuse("{\"registry_port\": 0, \"registry_host\": \"\", \"log_level\": \"LOUD\", \"auto_restart\": 1, \"db_path\": \"/\"}",
		"MCP_MESH_STARTUP_TIMEOUT: startup_timeout must be a whole number, not \"\"; registry_port must be from 1 to 65535, not 0; "
		"registry_host must not be empty; log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not \"LOUD\"; "
		"auto_restart must be true or false; db_path must be a file, but / is a folder");
	unsetenv("MCP_MESH_STARTUP_TIMEOUT");
	refuse("{\"registry_port\": \"8080\", \"shutdown_timeout\": 1.5}",
		"F: registry_port must be a whole number; shutdown_timeout must be a whole number");
}
END_TEST

START_TEST(syntax_errors_have_a_place)
{
	struct cliconf c;

	refuse("{\n  \"registry_port\": ,\n}", "F: no JSON at line 2, column 20");
	refuse("[1]", "F: expected an object at line 1, column 1");
	refuse("{} x", "F: no JSON at line 1, column 4");
	refuse("", "F: no JSON at line 1, column 1");
	ck_assert_int_eq(unlinkat(folder_fd, CLICONF_FILE, 0), 0);
	ck_assert_int_eq(mkdirat(folder_fd, CLICONF_FILE, 0700), 0);
	ck_assert_int_eq(cliconf_load(folder_fd, "F", environ, &c, &errors), -EINVAL);
	ck_assert_ptr_nonnull(strstr(errors.text, "F: cannot read it"));
	ck_assert_int_eq(unlinkat(folder_fd, CLICONF_FILE, AT_REMOVEDIR), 0);
}
END_TEST

START_TEST(hostile_text)
{
	static char deep[200001], big[CLICONF_BYTES_MAX + 2];
	struct cliconf c;

	memset(deep, '[', sizeof(deep) - 1);
	write_file(deep);
	ck_assert_int_eq(cliconf_load(folder_fd, "F", environ, &c, &errors), -EINVAL);
	memset(big, ' ', sizeof(big) - 1);
	write_file(big);
	ck_assert_int_eq(cliconf_load(folder_fd, "F", environ, &c, &errors), -EINVAL);
	refuse("{\"registry_port\": 1e300}", "F: registry_port must be a whole number");
	refuse("{\"registry_host\": \"a b\\u001b[31m\"}",
		"F: registry_host must be the name or address of a host, not \"a b\\x1b[31m\"");
}
END_TEST

START_TEST(only_what_was_set_is_written)
{
	struct cliconf c;
	struct stat st;
	struct fault f;
	char *text;

	setenv("MCP_MESH_LOG_LEVEL", "ERROR", 1);
	write_file(
		"{\"zoo\":[1,{\"a\":null}],\"registry_host\":\"example.org\",\"Alpha\":\"\\u00e9\"}");
	load(&c);
	ck_assert_int_eq(cliconf_set(&c, CONF_REGISTRY_PORT, "9000", &f), 0);
	ck_assert_int_eq(cliconf_set(&c, CONF_WATCH_FILES, "no", &f), 0);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 9000);
	ck_assert_int_eq(cliconf_save(folder_fd, &c, &f), 0);
	cliconf_done(&c);
	text = read_back();
	ck_assert_str_eq(text,
		"{\n  \"Alpha\": \"\xc3\xa9\",\n  \"registry_host\": \"example.org\",\n  \"registry_port\": 9000,\n"
		"  \"watch_files\": false,\n  \"zoo\": [1,{\"a\":null}]\n}\n");
	free(text);
	ck_assert_int_eq(fstatat(folder_fd, CLICONF_FILE, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	load(&c); /* and with all that is in force, on request */
	ck_assert_int_eq(cliconf_keep(&c), 0);
	ck_assert_int_eq(cliconf_save(folder_fd, &c, &f), 0);
	cliconf_done(&c);
	text = read_back();
	ck_assert_ptr_nonnull(strstr(text, "  \"log_level\": \"ERROR\",\n"));
	ck_assert_ptr_null(strstr(text, "startup_timeout"));
	free(text);
}
END_TEST

START_TEST(set_refuses)
{
	struct cliconf c;
	struct fault f;

	load(&c);
	ck_assert_int_eq(cliconf_set(&c, CONF_REGISTRY_PORT, " 8_082 ", &f), -EINVAL);
	ck_assert_str_eq(f.text, "registry_port must be a whole number, not \" 8_082 \"");
	ck_assert_int_eq(cliconf_set(&c, CONF_REGISTRY_PORT, "99999999999999999999", &f), -ERANGE);
	ck_assert_str_eq(f.text, "registry_port must be from 1 to 65535, not 99999999999999999999");
	ck_assert_int_eq(cliconf_set(&c, CONF_HEALTH_CHECK_INTERVAL, "-1", &f), -ERANGE);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8080);
	cliconf_done(&c);
}
END_TEST

START_TEST(default_set_does_not_beat_the_environment)
{
	struct cliconf c;
	struct fault f;

	setenv("MCP_MESH_REGISTRY_PORT", "8222", 1);
	write_file("{\"registry_port\": 9000}");
	load(&c);
	ck_assert_int_eq(cliconf_set(&c, CONF_REGISTRY_PORT, "8080", &f), 0);
	ck_assert_int_eq(cliconf_number(&c, CONF_REGISTRY_PORT), 8222);
	ck_assert_int_eq(c.value[CONF_REGISTRY_PORT].from, CONF_FROM_ENV);
	cliconf_done(&c);
}
END_TEST

START_TEST(reset_repairs_and_keeps_foreign_keys)
{
	struct fault f;
	char *text;

	write_file("{\"zoo\": 1, \"registry_port\": \"bad\", \"registry_port\": 3}");
	ck_assert_int_eq(cliconf_reset(folder_fd, &f), 0);
	text = read_back();
	ck_assert_str_eq(text, "{\n  \"zoo\": 1\n}\n");
	free(text);
	write_file("{broken");
	ck_assert_int_eq(cliconf_reset(folder_fd, &f), 0);
	text = read_back();
	ck_assert_str_eq(text, "{}\n");
	free(text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, defaults_without_anything);
	tcase_add_test(t, layers_and_their_quirk);
	tcase_add_test(t, values_of_the_file);
	tcase_add_test(t, every_error_at_once);
	tcase_add_test(t, syntax_errors_have_a_place);
	tcase_add_test(t, hostile_text);
	tcase_add_test(t, only_what_was_set_is_written);
	tcase_add_test(t, set_refuses);
	tcase_add_test(t, default_set_does_not_beat_the_environment);
	tcase_add_test(t, reset_repairs_and_keeps_foreign_keys);
	return run_cases("cliconf", t, NULL);
}
