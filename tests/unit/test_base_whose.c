/* tests/unit/test_base_whose.c - what proves to which instance a process belongs, and what does
 * not. */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/home.h"
#include "base/io.h"
#include "base/role.h"
#include "base/whose.h"
#include "tests/unit/run.h"

static char base[32], program[PATH_MAX], own[64], other[64];
static struct home h, copy;
static pid_t child;

static void make_home(struct home *ret, const char *name)
{
	char path[PATH_MAX];
	struct fault f = { "" };

	snprintf(path, sizeof(path), "%s/%s", base, name);
	ck_assert_int_eq(home_open(path, HOME_CREATE, ret, &f), 0);
	ck_assert_int_eq(mkfifoat(ret->run_fd, "web.out", 0600), 0);
}

static void setup(void)
{
	strcpy(base, "/tmp/tend-whose-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	make_home(&h, "home");
	make_home(&copy, "copy");
	snprintf(own, sizeof(own), "TEND_INSTANCE=%016llx", (unsigned long long)h.id);
	snprintf(other, sizeof(other), "TEND_INSTANCE=%016llx", (unsigned long long)copy.id);
	strcpy(program, "/bin/sleep");
}

static void end(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
}

static void teardown(void)
{
	char command[64];

	end();
	home_close(&h);
	home_close(&copy);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	ck_assert_int_eq(system(command), 0);
}

/* A process with this environment and, if run_fd >= 0, the FIFO run/web.out at the descriptor where
 * tend's own have it. */
static void begin(const char *instance, const char *name, int run_fd)
{
	char *argv[] = { program, (char[]){ "100" }, NULL };
	char *envp[] = { (char *)(uintptr_t)instance, (char *)(uintptr_t)name, NULL };
	int pipes[2];
	char c;

	end();
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		int fd = run_fd < 0 ? -1 : openat(run_fd, "web.out", O_RDONLY | O_NONBLOCK);

		if (run_fd < 0 || dup2(fd, HOME_KEEPER_FD) == HOME_KEEPER_FD)
			execve(program, argv, envp);
		_exit(127);
	}
	close(pipes[1]);
	ck_assert_int_eq((int)read(pipes[0], &c, 1), 0); /* exec has closed the other end */
	close(pipes[0]);
}

static void expect(int whose, const char *name)
{
	char found[NAME_MAX_BYTES];

	ck_assert_int_eq(whose_pid(&h, child, found), whose);
	ck_assert_str_eq(found, name);
	ck_assert_int_eq(
		whose_is(&h, child, "web"), whose == WHOSE_OURS && strcmp(name, "web") == 0);
}

START_TEST(marks)
{
	char found[NAME_MAX_BYTES];

	begin(own, "TEND_NAME=web", -1);
	expect(WHOSE_OURS, "web");
	ck_assert_int_eq(whose_pid(&copy, child, found), WHOSE_OTHERS);
	begin(own, "TEND_NAME=api", -1);
	expect(WHOSE_OURS, "api");
	begin(other, "TEND_NAME=web", -1);
	expect(WHOSE_OTHERS, "");
	begin("A=1", "TEND_NAME=web", -1);
	expect(WHOSE_NOBODYS, "");
	begin(own, "B=1", -1);
	expect(WHOSE_NOBODYS, "");
	begin(own, "TEND_NAME=../web", -1);
	expect(WHOSE_NOBODYS, "");
	end();
	ck_assert_int_eq(whose_pid(&h, INT_MAX, found), -ESRCH);
	ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(fifo)
{
	begin("A=1", "B=1", h.run_fd); /* it has cleaned its environment */
	expect(WHOSE_OURS, "web");
	begin(other, "TEND_NAME=api", h.run_fd); /* the home was moved: the mark is the old one */
	expect(WHOSE_OURS, "web");
	begin("A=1", "B=1", copy.run_fd);
	expect(WHOSE_NOBODYS, "");
	begin(own, "TEND_NAME=api", copy.run_fd);
	expect(WHOSE_OURS, "api");
	begin("A=1", "B=1", h.run_fd);
	/* and another is made in its place */
	ck_assert_int_eq(unlinkat(h.run_fd, "web.out", 0), 0);
	expect(WHOSE_NOBODYS, "");
	ck_assert_int_eq(mkfifoat(h.run_fd, "web.out", 0600), 0);
	expect(WHOSE_NOBODYS, "");
}
END_TEST

/* They hold every FIFO, and are no process of it. */
START_TEST(daemon_of_ours)
{
	char command[3 * PATH_MAX];

	snprintf(program, sizeof(program), "%s/tend-logger", base);
	snprintf(command, sizeof(command), "cp /bin/sleep %s", program);
	ck_assert_int_eq(system(command), 0);
	begin("A=1", "B=1", h.run_fd);
	expect(WHOSE_NOBODYS, "");
	begin(own, "TEND_NAME=web", h.run_fd); /* an instance inside a process of this one */
	expect(WHOSE_OURS, "web");
}
END_TEST

START_TEST(view)
{
	struct stat ours, seen;
	char path[32];
	int fd;

	begin("A=1", "B=1", -1);
	snprintf(path, sizeof(path), "/proc/%d", (int)child);
	fd = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(whose_view(fd, h.path, &seen), 0);
	ck_assert_int_eq(fstat(h.fd, &ours), 0);
	ck_assert(ours.st_ino == seen.st_ino && ours.st_dev == seen.st_dev);
	ck_assert_int_eq(whose_view(fd, "/nowhere/at/all", &seen), -ENOENT);
	ck_assert(!whose_home_differs(&h, child));
	ck_assert_int_eq(whose_own_word(fd), 1);
	io_close(&fd);
}
END_TEST

START_TEST(home_of_a_daemon)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "read x" },
		(char[]){ "--home" }, (char[]){ "/a b" }, (char[]){ "--last" }, NULL };
	char buf[PATH_MAX] = "";
	int pipes[2], held[2];
	char c;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup2(held[0], 0);
		execv("/bin/sh", argv);
		_exit(127);
	}
	close(pipes[1]);
	ck_assert_int_eq((int)read(pipes[0], &c, 1), 0);
	ck_assert_int_eq(role_home(child, buf), 0);
	ck_assert_str_eq(buf, "/a b");
	ck_assert_int_eq(role_home(INT_MAX, buf), -ENOENT);
	begin("A=1", "B=1", -1);
	ck_assert_int_eq(role_home(child, buf), -ENOENT);
	close(pipes[0]);
	close(held[0]);
	close(held[1]);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("whose");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, marks);
	tcase_add_test(all, fifo);
	tcase_add_test(all, daemon_of_ours);
	tcase_add_test(all, view);
	tcase_add_test(all, home_of_a_daemon);
	return run_cases("base_whose", all, NULL);
}
