/* tests/unit/test_base_marks.c - the marks in the environment of a process, however large that is
 * and in whatever order they come. */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/marks.h"
#include "tests/unit/run.h"

static pid_t sleeper(char **envp)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "100" }, NULL };
	int pipes[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		execve("/bin/sleep", argv, envp);
		_exit(127);
	}
	close(pipes[1]);
	ck_assert_int_eq((int)read(pipes[0], &c, 1), 0); /* exec has closed the other end */
	close(pipes[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int open_proc(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
}

START_TEST(found_in_any_order)
{
	static char big[100000] = "B=";
	char *envp[] = { (char[]){ "XTEND_NAME=no" }, (char[]){ "TEND_NAME=web" }, big,
		(char[]){ "TEND_INSTANCE=00ff" }, (char[]){ "TEND_NAME=second" },
		(char[]){ "TEND_HOME=/a b" }, NULL };
	struct marks m;
	pid_t pid;
	int fd;

	memset(big + 2, 'b', sizeof(big) - 3);
	pid = sleeper(envp);
	fd = open_proc(pid);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(marks_read(fd, &m), 0);
	ck_assert_str_eq(m.name, "web"); /* as getenv() would find it */
	ck_assert_str_eq(m.instance, "00ff");
	ck_assert_str_eq(m.home, "/a b");
	marks_done(&m);
	ck_assert_ptr_null(m.name);
	end(pid);
	ck_assert_int_eq(marks_read(fd, &m), 0); /* gone */
	ck_assert_ptr_null(m.instance);
	marks_done(&m);
	close(fd);
}
END_TEST

struct seen {
	pid_t wanted;
	unsigned wanted_times, own_times, all;
	int ret;
};

static int see(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	struct seen *s = arg;

	ck_assert(proc_fd >= 0);
	s->all++;
	s->own_times += pid == getpid();
	if (pid == s->wanted) {
		s->wanted_times++;
		ck_assert_str_eq(m->instance, "7");
		ck_assert_ptr_null(m->name);
		return s->ret;
	}
	return 0;
}

START_TEST(each_once)
{
	char *envp[] = { (char[]){ "TEND_INSTANCE=7" }, NULL };
	struct seen s = { .wanted = sleeper(envp) };

	ck_assert_int_eq(marks_each(see, &s), 0);
	ck_assert_uint_eq(s.wanted_times, 1);
	ck_assert_uint_eq(s.own_times, 0);
	s.ret = 5; /* what a visit returns ends it */
	ck_assert_int_eq(marks_each(see, &s), 5);
	end(s.wanted);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("marks");

	tcase_add_test(all, found_in_any_order);
	tcase_add_test(all, each_once);
	return run_cases("base_marks", all, NULL);
}
