/* links: tests/unit/instance.c */
/* Logs of two homes in one program, as entries. */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/logs.h"
#include "tests/unit/instance.h"
#include "tests/unit/run.h"

static struct instance here, there;
static const struct logs_query all_of_it = { .follow = true };

static void setup(void)
{
	instance_make(&here, 8);
	instance_make(&there, 8);
}

static void teardown(void)
{
	instance_remove(&here);
	instance_remove(&there);
}

static void append(const struct instance *in, const char *file, const char *text)
{
	int fd = openat(in->home.logs_fd, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct logs *open_logs(
	const struct instance *in, const char *name, const struct logs_query *q)
{
	char *names[] = { (char *)(uintptr_t)name };
	struct logs *l = NULL;
	struct fault f = { "" };

	ck_assert_msg(logs_open(&in->home, names, name ? 1 : 0, q, &l, &f) == 0, "%s", f.text);
	return l;
}

/* The next entry is this one; waits for it by the descriptor. */
static void expect(struct logs *l, const char *name, bool err, const char *text)
{
	struct pollfd p = { .fd = logs_fd(l), .events = POLLIN };
	struct logs_entry e;
	struct fault f = { "" };
	int r;

	while ((r = logs_next(l, &e, &f)) == 0)
		ck_assert_msg(p.fd >= 0 && poll(&p, 1, 10000) == 1, "%s does not come", text);
	ck_assert_msg(r == 1, "%s", f.text);
	ck_assert_str_eq(e.name, name);
	ck_assert_int_eq(e.err, err);
	ck_assert_msg(e.len == strlen(text) && memcmp(e.text, text, e.len) == 0, "%.*s, not %s",
		(int)e.len, e.text, text);
}

static void expect_nothing(struct logs *l)
{
	struct logs_entry e;

	ck_assert_int_eq(logs_next(l, &e, NULL), 0);
}

START_TEST(the_newest_lines_come_and_then_those_that_are_written)
{
	const struct logs_query two = { .newest = 2, .follow = true },
				none = { .newest = LOGS_NONE, .follow = true };
	struct logs *a, *b;

	append(&here, "web.log", "one\ntwo\nthree\n");
	append(&there, "web.log", "other\n");
	a = open_logs(&here, "web", &two);
	b = open_logs(&there, "web", &none);
	expect(a, "web", false, "two");
	expect(a, "web", false, "three");
	expect_nothing(a);
	expect_nothing(b);
	append(&here, "web.log", "ERROR four\nfi");
	append(&there, "web@err.log", "of the other\n");
	append(&here, "db.log", "not asked for\n");
	expect(a, "web", false, "ERROR four");
	expect_nothing(a);
	append(&here, "web.log", "ve\n");
	expect(a, "web", false, "five");
	expect(b, "web", true, "of the other");
	expect_nothing(a);
	expect_nothing(b);
	logs_close(a);
	logs_close(b);
}
END_TEST

START_TEST(without_follow_it_ends)
{
	const struct logs_query q = { .match = { .min_level = LOG_LEVEL_ERROR } };
	struct logs *l;

	append(&here, "web.log", "INFO one\nERROR two\nINFO three\nERROR four");
	l = open_logs(&here, "web", &q);
	ck_assert_int_eq(logs_fd(l), -1);
	expect(l, "web", false, "ERROR two");
	expect(l, "web", false, "ERROR four");
	expect_nothing(l);
	expect_nothing(l);
	logs_close(l);
}
END_TEST

START_TEST(logs_that_come_into_being_are_followed)
{
	struct logs *l = open_logs(&here, NULL, &all_of_it);

	expect_nothing(l);
	append(&here, "web.log", "first\n");
	expect(l, "web", false, "first");
	append(&here, "db@err.log", "second\n");
	expect(l, "db", true, "second");
	logs_close(l);
}
END_TEST

/* Many more than are copied at once, and the file is rotated twice while they are read. */
START_TEST(a_rotation_while_it_is_read_costs_no_line)
{
	struct logs *l = open_logs(&here, "web", &all_of_it);
	int logs_fd_of = here.home.logs_fd;
	char text[64];

	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "line %u\n", i);
		append(&here, "web.log", text);
		if (i == 1000)
			ck_assert_int_eq(
				renameat(logs_fd_of, "web.log", logs_fd_of, "web.log.000000001"),
				0);
		if (i == 0)
			expect(l, "web", false, "line 0");
		if (i == 2000)
			ck_assert_int_eq(
				renameat(logs_fd_of, "web.log", logs_fd_of, "web.log.000000002"),
				0);
	}
	for (unsigned i = 1; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "line %u", i);
		expect(l, "web", false, text);
	}
	expect_nothing(l);
	logs_close(l);
}
END_TEST

START_TEST(a_home_without_logs_says_so)
{
	struct home h = HOME_INIT;
	struct logs *l = NULL;
	struct fault f = { "" };

	ck_assert_int_eq(logs_open(&h, NULL, 0, &all_of_it, &l, &f), -ENOENT);
	ck_assert_ptr_null(l);
	logs_close(l);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("logs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_newest_lines_come_and_then_those_that_are_written);
	tcase_add_test(t, without_follow_it_ends);
	tcase_add_test(t, logs_that_come_into_being_are_followed);
	tcase_add_test(t, a_rotation_while_it_is_read_costs_no_line);
	tcase_add_test(t, a_home_without_logs_says_so);
	return run_cases("client logs", t, NULL);
}
