/* tests/unit/test_base_say.c - what a daemon says: into a file that is rotated under it, and not
 * too much. */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/say.h"
#include "tests/unit/run.h"

static char dir[] = "/tmp/tend-say-XXXXXX";
static int dirfd_;

static void setup(void)
{
	strcpy(dir, "/tmp/tend-say-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
}

static void teardown(void)
{
	(void)unlinkat(dirfd_, "a.log", 0);
	(void)unlinkat(dirfd_, "a.log.1", 0);
	(void)close(dirfd_);
	(void)rmdir(dir);
}

/* Run fn in a process whose standard error is a.log. */
static void in_child(void (*fn)(void))
{
	int status = 0, fd = openat(dirfd_, "a.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	pid_t pid = fork();

	if (pid == 0) {
		if (dup2(fd, 2) < 0)
			_exit(1);
		say_init("test");
		say_follow(dirfd_, "a.log");
		fn();
		_exit(0);
	}
	(void)close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static size_t count(const char *file, const char *what)
{
	char *text = NULL, *at;
	size_t n = 0;

	ck_assert_int_eq(io_read_file(dirfd_, file, 10 << 20, &text, NULL), 0);
	for (at = text; (at = strstr(at, what)); at++)
		n++;
	free(text);
	return n;
}

static void say_over_a_rotation(void)
{
	say(SAY_INFO, "before");
	if (renameat(dirfd_, "a.log", dirfd_, "a.log.1") < 0)
		_exit(1);
	say(SAY_INFO, "after");
}

START_TEST(goes_on_in_the_new_file)
{
	in_child(say_over_a_rotation);
	ck_assert_uint_eq(count("a.log.1", "before\n"), 1);
	ck_assert_uint_eq(count("a.log.1", "after\n"), 0);
	ck_assert_uint_eq(count("a.log", "after\n"), 1);
}
END_TEST

static void repeat(void)
{
	for (int i = 0; i < 50; i++)
		say(SAY_WARNING, "the same");
	say(SAY_INFO, "another");
}

START_TEST(repeats_are_counted)
{
	in_child(repeat);
	ck_assert_uint_eq(count("a.log", "the same\n"), 1);
	ck_assert_uint_eq(
		count("a.log", "WARNING [test] the last message was repeated 49 times\n"), 1);
	ck_assert_uint_eq(count("a.log", "another\n"), 1);
}
END_TEST

static void burst(void)
{
	for (int i = 0; i < 20000; i++)
		say(SAY_INFO, "message %d", i);
	usleep(50000);
	say(SAY_INFO, "the end");
}

START_TEST(a_burst_is_cut)
{
	in_child(burst);
	ck_assert_uint_ge(count("a.log", "message "), 1000);
	ck_assert_uint_lt(count("a.log", "message "), 20000);
	ck_assert_uint_ge(count("a.log", "messages were left out, too many at once\n"), 1);
	ck_assert_uint_eq(count("a.log", "the end\n"), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("say");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, goes_on_in_the_new_file);
	tcase_add_test(tc, repeats_are_counted);
	tcase_add_test(tc, a_burst_is_cut);
	return run_cases("base_say", tc, NULL);
}
