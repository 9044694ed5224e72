/* tests/unit/test_config_desired.c - processes.json: round trip, what others wrote is kept, what is
 * no such file is refused. */
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
#include "config/desired.h"
#include "tests/unit/run.h"

static char folder[] = "/tmp/test-desired-XXXXXX";
static int folder_fd = -1;

static void make_folder(void)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(folder_fd, 0);
}

static void remove_folder(void)
{
	(void)unlinkat(folder_fd, DESIRED_FILE, 0);
	close(folder_fd);
	ck_assert_int_eq(rmdir(folder), 0); /* also: no temporary file stays */
}

static void write_text(const char *text)
{
	ck_assert_int_eq(io_replace(folder_fd, DESIRED_FILE, text, strlen(text), IO_NO_SYNC), 0);
}

static const struct desired_entry *entry(const struct desired *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->entry[i].name, name) == 0)
			return &d->entry[i];
	return NULL;
}

START_TEST(no_file_is_nothing)
{
	struct desired d = { .n = 7 };

	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_uint_eq(d.n, 0);
	ck_assert_ptr_null(d.foreign_entries);
	ck_assert_ptr_null(d.foreign_keys);
	desired_done(&d);
}
END_TEST

START_TEST(round_trip)
{
	struct desired_entry entries[] = {
		{ .name = "web",
			.up = true,
			.order = 3,
			.pid = 4194304,
			.start_ticks = 123456789012ull,
			.service = 0,
			.state = "restarting" },
		{ .name = "a.b-c_1", .up = false, .order = 4000000000u, .service = 1 },
	};
	struct desired d = { .boot_id = "cb90862b-c0e4-417a-a60d-268d7db919d5",
		.as_of_real_ns = 1795500000123000000ull,
		.entry = entries,
		.n = 2 },
		       back;
	const struct desired_entry *e;
	struct stat st;

	ck_assert_int_eq(desired_save(folder_fd, &d, IO_SYNC), 0);
	ck_assert_int_eq(fstatat(folder_fd, DESIRED_FILE, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(desired_load(folder_fd, &back, NULL), 0);
	ck_assert_str_eq(back.boot_id, d.boot_id);
	ck_assert_uint_eq(back.as_of_real_ns, d.as_of_real_ns);
	ck_assert_uint_eq(back.n, 2);
	e = entry(&back, "web");
	ck_assert_ptr_nonnull(e);
	ck_assert(e->up);
	ck_assert_uint_eq(e->order, 3);
	ck_assert_int_eq(e->pid, 4194304);
	ck_assert_uint_eq(e->start_ticks, 123456789012ull);
	ck_assert_uint_eq(e->service, 0);
	ck_assert_str_eq(e->state, "restarting");
	e = entry(&back, "a.b-c_1");
	ck_assert_ptr_nonnull(e);
	ck_assert(!e->up);
	ck_assert_uint_eq(e->order, 4000000000u);
	ck_assert_int_eq(e->pid, 0);
	ck_assert_uint_eq(e->service, 1);
	ck_assert_str_eq(e->state, "");
	desired_done(&back);
	desired_done(&back);
}
END_TEST

/* It is written back as it was read (desired_keep()), so it must not hold what would end its
 * string. */
START_TEST(states_are_words)
{
	struct desired d;

	write_text(
		"{\"processes\": {\"a\": {\"desired\": \"up\", \"state\": \"x\\\"y\"}, \"b\": {\"desired\": \"up\", \"state\": 7},"
		"\"c\": {\"desired\": \"up\", \"state\": \"somethingverylongindeed\"}}, \"last_updated\": \"yesterday\"}");
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_uint_eq(d.n, 3);
	ck_assert_str_eq(entry(&d, "a")->state, "");
	ck_assert_str_eq(entry(&d, "b")->state, "");
	ck_assert_str_eq(entry(&d, "c")->state, "somethingverylo");
	ck_assert_uint_eq(d.as_of_real_ns, 0);
	desired_done(&d);
}
END_TEST

/* What the reference's CLI wrote, and keys of a later version, go through load and save unchanged,
 * any number of times. */
START_TEST(foreign_parts_are_kept)
{
	static const char text[] =
		"{\"last_updated\": \"x\", \"theirs\": {\"deep\": [1, null, \"\\u00e4\"]}, \"more\": 7, \"version\": 99, \"processes\": {"
		"\"mine\": {\"name\": \"mine\", \"desired\": \"up\", \"order\": 1},"
		"\"an agent\": {\"pid\": 17, \"metadata\": {\"file\": \"/a \\\"b\\\".py\"}},"
		"\"other\": {\"name\": \"other\", \"status\": \"running\"}, \"odd\": 5}}";
	struct desired d;
	char *now = NULL;
	size_t len;

	write_text(text);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
		ck_assert_uint_eq(d.n, 1);
		ck_assert_str_eq(d.entry[0].name, "mine");
		ck_assert_ptr_nonnull(d.foreign_entries);
		ck_assert_str_eq(d.foreign_entries,
			"\"an agent\":{\"pid\":17,\"metadata\":{\"file\":\"/a \\\"b\\\".py\"}},"
			"\"other\":{\"name\":\"other\",\"status\":\"running\"},\"odd\":5");
		ck_assert_str_eq(
			d.foreign_keys, "\"theirs\":{\"deep\":[1,null,\"\xc3\xa4\"]},\"more\":7");
		ck_assert_int_eq(desired_save(folder_fd, &d, IO_SYNC), 0);
		desired_done(&d);
	}
	ck_assert_int_eq(io_read_file(folder_fd, DESIRED_FILE, 65536, &now, &len), 0);
	ck_assert_ptr_nonnull(strstr(now, "\"version\": 1,"));
	free(now);
}
END_TEST

START_TEST(foreign_parts_alone)
{
	struct desired d;

	write_text("{\"processes\": {\"x y\": {}}}");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
		ck_assert_uint_eq(d.n, 0);
		ck_assert_str_eq(d.foreign_entries, "\"x y\":{}");
		ck_assert_int_eq(desired_save(folder_fd, &d, IO_SYNC), 0);
		desired_done(&d);
	}
}
END_TEST

/* An entry under a name that tend would not accept is not tend's, whatever it holds: it must not
 * become a path. */
START_TEST(names_are_checked)
{
	struct desired d;

	write_text(
		"{\"processes\": {\"../../x\": {\"desired\": \"up\"}, \"\": {\"desired\": \"up\"}, \"tend\": {\"desired\": \"up\"}}}");
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_uint_eq(d.n, 0);
	desired_done(&d);
}
END_TEST

START_TEST(senseless_values_are_nothing)
{
	struct desired d;

	write_text(
		"{\"boot_id\": 7, \"processes\": {\"a\": {\"desired\": \"perhaps\", \"order\": -1, \"pid\": \"x\", \"start_ticks\": 1e300, "
		"\"service_type\": []}}}");
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_uint_eq(d.n, 1);
	ck_assert(!d.entry[0].up);
	ck_assert_uint_eq(d.entry[0].order, 0);
	ck_assert_int_eq(d.entry[0].pid, 0);
	ck_assert_uint_eq(d.entry[0].start_ticks, 0);
	desired_done(&d);
}
END_TEST

/* Numbers that are too large for their field must not wrap round into a pid of somebody. */
START_TEST(large_numbers)
{
	struct desired d;

	write_text(
		"{\"processes\": {\"a\": {\"desired\": \"up\", \"order\": 8589934592, \"pid\": 4294967297}}}");
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_int_eq(d.entry[0].pid, 0);
	ck_assert_uint_eq(d.entry[0].order, 0);
	desired_done(&d);
}
END_TEST

static const char *const bad[] = { "", "{", "[]", "7", "\"x\"", "nonsense",
	"{\"processes\": {\"a\": {\"desired\": \"up\"" };

START_TEST(bad_files)
{
	struct fault f = { "" };
	struct desired d = { .n = 7 };

	write_text(bad[_i]);
	ck_assert_int_eq(desired_load(folder_fd, &d, &f), -EINVAL);
	ck_assert_ptr_nonnull(strstr(f.text, DESIRED_FILE));
	ck_assert_uint_eq(d.n, 7); /* ret is written on success only */
}
END_TEST

START_TEST(processes_of_another_kind)
{
	struct desired d;

	write_text("{\"processes\": [1, 2]}");
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0);
	ck_assert_uint_eq(d.n, 0);
	ck_assert_int_eq(desired_save(folder_fd, &d, IO_SYNC), 0);
	desired_done(&d);
	ck_assert_int_eq(desired_load(folder_fd, &d, NULL), 0); /* what was written can be read */
	desired_done(&d);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("desired");

	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, no_file_is_nothing);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, states_are_words);
	tcase_add_test(t, foreign_parts_are_kept);
	tcase_add_test(t, foreign_parts_alone);
	tcase_add_test(t, names_are_checked);
	tcase_add_test(t, senseless_values_are_nothing);
	tcase_add_test(t, large_numbers);
	tcase_add_loop_test(t, bad_files, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, processes_of_another_kind);
	return run_cases("config/desired", t, NULL);
}
