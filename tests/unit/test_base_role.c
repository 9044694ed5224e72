/*
 * tests/unit/test_base_role.c - base/role.c: who holds a lock, and that asking takes nothing.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/procfs.h"
#include "base/role.h"
#include "tests/unit/run.h"

static char folder[32];
static int run_fd;

static void make_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/tend-role-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	run_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(run_fd, 0);
}

static void drop_folder(void)
{
	char name[32];

	for (unsigned i = 0; i < ROLE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%s.lock", role_name(i));
		(void)unlinkat(run_fd, name, 0);
	}
	close(run_fd);
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(names)
{
	ck_assert_str_eq(role_name(ROLE_GUARDIAN), "guardian");
	ck_assert_str_eq(role_name(ROLE_SPAWNER), "spawner");
	ck_assert_str_eq(role_name(ROLE_MONITOR), "monitor");
	ck_assert_str_eq(role_name(ROLE_LOGGER), "logger");
	ck_assert_str_eq(role_name(ROLE_MAX), "?");
	ck_assert_str_eq(role_name(~0u), "?");
}
END_TEST

START_TEST(one_holder)
{
	int a = -1, b = -1, other = -1;
	struct stat st;

	umask(0);
	ck_assert_int_eq(role_lock(run_fd, ROLE_SPAWNER, &a), 0);
	ck_assert_int_eq(fstatat(run_fd, "spawner.lock", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(a, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(role_lock(run_fd, ROLE_SPAWNER, &b), -EBUSY); /* the same process, too */
	ck_assert_int_eq(b, -1);
	ck_assert_int_eq(role_lock(run_fd, ROLE_LOGGER, &other), 0);
	close(a);
	ck_assert_int_eq(role_lock(run_fd, ROLE_SPAWNER, &b), 0);
	close(b);
	close(other);
	ck_assert_int_eq(role_lock(run_fd, ROLE_MAX, &b), -EINVAL);
}
END_TEST

START_TEST(holder_is_found)
{
	pid_t pid = 7;
	uint64_t start = 7;
	int fd = -1, again = -1;

	ck_assert_int_eq(role_holder(run_fd, ROLE_MONITOR, &pid, &start), -ENOENT); /* no file */
	ck_assert_int_eq(role_lock(run_fd, ROLE_MONITOR, &fd), 0);
	ck_assert_int_eq(role_sign(fd), 0);
	ck_assert_int_eq(role_holder(run_fd, ROLE_MONITOR, &pid, &start), 0);
	ck_assert_int_eq(pid, getpid());
	ck_assert_uint_eq(start, procfs_own_start());
	close(fd);
	pid = 7;
	/* a file, no lock */
	ck_assert_int_eq(role_holder(run_fd, ROLE_MONITOR, &pid, &start), -ENOENT);
	ck_assert_int_eq(pid, 7);
	ck_assert_int_eq(role_lock(run_fd, ROLE_MONITOR, &again), 0); /* asking has taken nothing */
	close(again);
}
END_TEST

START_TEST(broken_texts)
{
	static const char *const bad[] = { "", "x", "12", "12 34", "12 34\nx", "-1 3\n", "0 3\n",
		"12 0\n", "12  3\n", "4294967296 3\n", "1 99999999999999999999999\n", "\n 5", " \n",
		"12 34 56\n" };
	int fd = -1;

	ck_assert_int_eq(role_lock(run_fd, ROLE_LOGGER, &fd), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pid_t pid = 7;
		uint64_t start = 7;

		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq((int)pwrite(fd, bad[i], strlen(bad[i]), 0), (int)strlen(bad[i]));
		ck_assert_int_eq(role_holder(run_fd, ROLE_LOGGER, &pid, &start), 0);
		ck_assert_msg(pid == 0 && start == 0, "%s", bad[i]);
	}
	/* signing leaves nothing of a longer text */
	ck_assert_int_eq((int)pwrite(fd, "999999999 99999999999999999 99999999\n", 37, 0), 37);
	pid_t pid = 0;
	uint64_t start = 0;
	ck_assert_int_eq(role_sign(fd), 0);
	ck_assert_int_eq(role_holder(run_fd, ROLE_LOGGER, &pid, &start), 0);
	ck_assert_int_eq(pid, getpid());
	close(fd);
}
END_TEST

START_TEST(death_frees_and_stopping_does_not)
{
	int pipes[2], fd = -1, status;
	pid_t holder = 0;
	uint64_t start = 0;
	char c;

	ck_assert_int_eq(pipe(pipes), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (role_lock(run_fd, ROLE_GUARDIAN, &fd) || write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq((int)read(pipes[0], &c, 1), 1);
	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(role_lock(run_fd, ROLE_GUARDIAN, &fd), -EBUSY);
	ck_assert_int_eq(role_holder(run_fd, ROLE_GUARDIAN, &holder, &start), 0);
	ck_assert_int_eq(holder, pid);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(role_holder(run_fd, ROLE_GUARDIAN, &holder, &start), -ENOENT);
	ck_assert_int_eq(role_lock(run_fd, ROLE_GUARDIAN, &fd), 0);
	close(fd);
}
END_TEST

/* Nobody locks what a link leads to; who takes the lock puts a file of its own in the link's
 * place. */
START_TEST(links_are_not_followed)
{
	struct stat st;
	pid_t pid;
	uint64_t start;
	int fd;

	ck_assert_int_eq(symlinkat("target", run_fd, "logger.lock"), 0);
	ck_assert_int_eq(role_holder(run_fd, ROLE_LOGGER, &pid, &start), -ENOENT);
	ck_assert_int_eq(role_lock(run_fd, ROLE_LOGGER, &fd), 0);
	ck_assert(fstatat(run_fd, "logger.lock", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode));
	ck_assert_int_lt(fstatat(run_fd, "target", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(role_holder(run_fd, ROLE_LOGGER, &pid, &start), 0);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_checked_fixture(tc, make_folder, drop_folder);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, names);
	tcase_add_test(tc, one_holder);
	tcase_add_test(tc, holder_is_found);
	tcase_add_test(tc, broken_texts);
	tcase_add_test(tc, death_frees_and_stopping_does_not);
	tcase_add_test(tc, links_are_not_followed);
	return run_cases("base_role", tc, NULL);
}
