/* tests/unit/test_config_wishes.c - run/wishes beside processes.json. */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io_replace.h"
#include "config/wishes.h"
#include "tests/unit/run.h"

static struct home home = HOME_INIT;

static void setup(void)
{
	char folder[] = "/tmp/tend-wishes-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	home.fd = home.run_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(home.fd, 0);
	(void)str_copy(home.path, sizeof(home.path), folder);
}

static void teardown(void)
{
	(void)unlinkat(home.fd, WISHES_FILE, 0);
	(void)unlinkat(home.fd, DESIRED_FILE, 0);
	ck_assert_int_eq(rmdir(home.path), 0);
	close(home.fd);
}

static void wish(const char *text)
{
	ck_assert_int_eq(io_replace(home.run_fd, WISHES_FILE, text, strlen(text), IO_NO_SYNC), 0);
}

static void save(void)
{
	struct desired_entry entries[] = { { .name = "web", .up = true },
		{ .name = "api", .up = true }, { .name = "db" } };
	struct desired d = { .entry = entries, .n = 3 };

	ck_assert_int_eq(desired_save(home.fd, &d, IO_NO_SYNC), 0);
}

/* The names of what is up, in alphabetical order. */
static const char *up(void)
{
	static char names[128];
	struct desired d = { .n = 0 };
	const char *const all[] = { "api", "db", "web" };

	names[0] = 0;
	ck_assert_int_eq(desired_load_wished(&home, &d, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < d.n; k++)
			if (d.entry[k].up && strcmp(d.entry[k].name, all[i]) == 0)
				snprintf(names + strlen(names), sizeof(names) - strlen(names),
					"%s ", all[i]);
	desired_done(&d);
	return names;
}

START_TEST(the_last_line_counts)
{
	save();
	ck_assert_str_eq(up(), "api web ");
	wish("gone web\n");
	ck_assert_str_eq(up(), "api ");
	wish("gone web\nup web\ndown api\nup db\n");
	ck_assert_str_eq(up(), "db web ");
	wish("up web\ngone web\n");
	ck_assert_str_eq(up(), "api ");
}
END_TEST

START_TEST(what_is_no_line_changes_nothing)
{
	save();
	wish("gone web"); /* its writer died over it: it was never answered */
	ck_assert_str_eq(up(), "api web ");
	wish("\ngo\ngone\nGONE web\ngone ../web\ngone other\ngone api web\n\n");
	ck_assert_str_eq(up(), "web ");
}
END_TEST

START_TEST(neither_file_needs_to_be_there)
{
	ck_assert_str_eq(up(), "");
	wish("up web\n");
	ck_assert_str_eq(up(), "");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wishes");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_last_line_counts);
	tcase_add_test(t, what_is_no_line_changes_nothing);
	tcase_add_test(t, neither_file_needs_to_be_there);
	return run_cases("wishes", t, NULL);
}
