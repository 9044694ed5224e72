/*
 * tests/unit/test_base_procfs.c - base/procfs.c: hostile lines for the parser, real children for
 * the readers.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/procfs.h"
#include "tests/unit/run.h"

/* Fields 4 to 52; %s stands for field 22. */
#define TAIL \
	" 1 2 3 0 -1 4194304 10 0 0 0 11 12 -5 0 20 -10 7 0 %s 4096 33 18446744073709551615 " \
	"1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 256\n"

static int parse(const char *head, const char *start, struct procfs_stat *st)
{
	char text[1024], tail[512];

	(void)snprintf(tail, sizeof(tail), TAIL, start);
	(void)snprintf(text, sizeof(text), "%s%s", head, tail);
	return procfs_parse_stat(text, strlen(text), st);
}

START_TEST(parses)
{
	struct procfs_stat st;

	ck_assert_int_eq(parse("42 (sh) S", "5000", &st), 0);
	ck_assert_int_eq(st.pid, 42);
	ck_assert_str_eq(st.comm, "sh");
	ck_assert_int_eq(st.state, 'S');
	ck_assert_int_eq(st.ppid, 1);
	ck_assert_int_eq(st.pgrp, 2);
	ck_assert_int_eq(st.session, 3);
	ck_assert_uint_eq(st.utime_ticks, 11);
	ck_assert_uint_eq(st.stime_ticks, 12);
	ck_assert_uint_eq(st.threads, 7);
	ck_assert_uint_eq(st.start_ticks, 5000);
	ck_assert_uint_eq(st.rss_pages, 33);
	ck_assert_int_eq(st.exit_status, 256);
}
END_TEST

START_TEST(hostile_names)
{
	static const char *const names[] = { ") R 1 (", "", ")", "((", ")))", " ", "a\nb",
		"x) Z 1 1 1 1 1", "\xff\xfe", "\x1b[2J" };
	char head[200], name[120];
	struct procfs_stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(head, sizeof(head), "7 (%s) T", names[i]);
		ck_assert_int_eq(parse(head, "9", &st), 0);
		ck_assert_str_eq(st.comm, names[i]);
		ck_assert_int_eq(st.state, 'T');
		ck_assert_int_eq(st.ppid, 1);
	}
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(head, sizeof(head), "7 (%s) T", name);
	ck_assert_int_eq(parse(head, "9", &st), 0);
	ck_assert_uint_eq(strlen(st.comm), 63);
}
END_TEST

START_TEST(refuses)
{
	static const char *const heads[] = { "", "x (sh) S", "42", "42 sh S", "42 (sh S",
		"42 (sh)S", "42 (sh) ", "42 (sh) 5", "42 (sh)", "-4 (sh) S", "0 (sh) S",
		"4294967297 (sh) S", "42  (sh) S", "99999999999999999999999 (sh) S", "42 (sh) SS",
		"42 (sh) S 99999999999", "42 (sh) S -1", "42 (sh) S  1" };
	struct procfs_stat st = { .pid = 77 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		ck_assert_msg(parse(heads[i], "9", &st) == -EINVAL, "%s", heads[i]);
	ck_assert_int_eq(parse("42 (sh) S", "18446744073709551616", &st), -EINVAL); /* 65 bits */
	ck_assert_int_eq(parse("42 (sh) S", "-9", &st), -EINVAL);
	ck_assert_int_eq(parse("42 (sh) S", "", &st), -EINVAL);
	ck_assert_int_eq(parse("42 (sh) S", "9x", &st), -EINVAL);
	ck_assert_int_eq(procfs_parse_stat("", 0, &st), -EINVAL);
	ck_assert_int_eq(st.pid, 77); /* written on success only */
	ck_assert_int_eq(parse("42 (sh) S", "18446744073709551615", &st), 0);
	ck_assert(st.start_ticks == UINT64_MAX);
}
END_TEST

/* Each prefix of a line, in a block of exactly its size so that a sanitizer sees any byte read too
 * many. */
START_TEST(survives_every_cut)
{
	char line[1024], tail[512];
	struct procfs_stat st;

	(void)snprintf(tail, sizeof(tail), TAIL, "5000");
	(void)snprintf(line, sizeof(line), "42 (a) (b) S%s", tail);
	size_t whole = strlen(line);
	for (size_t n = 0; n <= whole; n++) {
		char *cut = malloc(n ? n : 1);

		memcpy(cut, line, n);
		int r = procfs_parse_stat(cut, n, &st);
		/* "2", "25", "256", "256\n" are all whole numbers */
		ck_assert_int_eq(r, n >= whole - 3 ? 0 : -EINVAL);
		free(cut);
	}
}
END_TEST

static pid_t fork_pausing(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(reads_stat)
{
	struct procfs_stat st;
	siginfo_t si;

	ck_assert_int_eq(procfs_stat(getpid(), &st), 0);
	ck_assert_int_eq(st.pid, getpid());
	ck_assert_int_eq(st.ppid, getppid());
	ck_assert_int_eq(st.pgrp, getpgrp());
	ck_assert_int_eq(st.state, 'R');
	ck_assert_uint_eq(st.start_ticks, procfs_own_start());
	ck_assert(procfs_stat_alive(&st));
	ck_assert_int_eq(procfs_stat(0, &st), -ESRCH);
	ck_assert_int_eq(procfs_stat(-1, &st), -ESRCH);
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(procfs_stat(pid, &st), 0);
	ck_assert_int_eq(st.state, 'Z');
	ck_assert(!procfs_stat_alive(&st));
	ck_assert_int_eq(WEXITSTATUS(st.exit_status), 3);
	end(pid);
	ck_assert_int_eq(procfs_stat(pid, &st), -ESRCH);
}
END_TEST

#define MANY 1000 /* more than one page of pids */

START_TEST(many_children)
{
	static pid_t pids[MANY];
	struct pidvec v = { 0 };

	for (int i = 0; i < MANY; i++)
		pids[i] = fork_pausing();
	ck_assert_int_eq(pidvec_push(&v, 1), 0); /* what is there stays */
	ck_assert_int_eq(procfs_children(getpid(), 1, &v), 0);
	ck_assert_uint_eq(v.n, MANY + 1);
	ck_assert_int_eq(v.pid[0], 1);
	for (int i = 0; i < MANY; i++)
		ck_assert(pidvec_has(&v, pids[i]));
	v.n = 0;
	ck_assert_int_eq(procfs_children(getpid(), 0, &v), 0);
	ck_assert_uint_eq(v.n, MANY);
	for (int i = 0; i < MANY; i++)
		end(pids[i]);
	v.n = 0;
	ck_assert_int_eq(procfs_children(getpid(), 1, &v), 0);
	ck_assert_uint_eq(v.n, 0);
	ck_assert(!pidvec_has(&v, 1));
	ck_assert_int_eq(procfs_children(pids[0], 1, &v), -ESRCH);
	ck_assert_int_eq(procfs_children(pids[0], 0, &v), -ESRCH);
	ck_assert_int_eq(procfs_children(-5, 0, &v), -ESRCH);
	free(v.pid);
}
END_TEST

static pthread_barrier_t barrier;

static void *forks_in_thread(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	*(pid_t *)arg = pid;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

START_TEST(children_of_threads)
{
	struct pidvec v = { 0 };
	pthread_t t;
	pid_t pid = 0;

	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert_int_eq(pthread_create(&t, NULL, forks_in_thread, &pid), 0);
	pthread_barrier_wait(&barrier);
	ck_assert_int_eq(procfs_children(getpid(), 0, &v), 0);
	ck_assert(pidvec_has(&v, pid));
	v.n = 0;
	ck_assert_int_eq(procfs_descendants(getpid(), &v), 0);
	ck_assert_int_eq(v.pid[0], getpid());
	ck_assert(pidvec_has(&v, pid));
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
	end(pid);
	free(v.pid);
}
END_TEST

START_TEST(descendants)
{
	struct pidvec v = { 0 };
	int pipes[2];
	pid_t below, zombie, root;
	siginfo_t si;

	ck_assert_int_eq(pipe(pipes), 0);
	root = fork();
	if (root == 0) {
		below = fork_pausing();
		zombie = fork();
		if (zombie == 0)
			_exit(0);
		waitid(P_PID, (id_t)zombie, &si, WEXITED | WNOWAIT);
		if (write(pipes[1], &below, sizeof(below)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq((int)read(pipes[0], &below, sizeof(below)), (int)sizeof(below));
	ck_assert_int_eq(procfs_descendants(root, &v), 0);
	ck_assert_uint_eq(v.n, 2); /* without the zombie */
	ck_assert_int_eq(v.pid[0], root);
	ck_assert_int_eq(v.pid[1], below);
	kill(below, SIGKILL);
	end(root);
	v.n = 1;
	ck_assert_int_eq(procfs_descendants(root, &v), 0); /* gone: nothing below it */
	ck_assert_uint_eq(v.n, 1);
	free(v.pid);
}
END_TEST

START_TEST(environment)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "100" }, NULL };
	char big[9000], c;
	char *envp[] = { (char[]){ "A=1" }, big, (char[]){ "KEY=VALUE" }, (char[]){ "LAST=x" },
		NULL };
	int pipes[2];

	memset(big, 'b', sizeof(big) - 1);
	big[0] = 'B';
	big[1] = '=';
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		execve("/bin/sleep", argv, envp);
		_exit(127);
	}
	close(pipes[1]);
	ck_assert_int_eq((int)read(pipes[0], &c, 1), 0); /* exec has closed the other end */
	/* the kernel says where the environment lies a moment later, and nothing announces that */
	for (unsigned ms = 0; ms < 10000 && !procfs_has_env(pid, "A=1"); ms++)
		(void)usleep(1000);
	ck_assert(procfs_has_env(pid, "A=1"));
	ck_assert(procfs_has_env(pid, "KEY=VALUE"));
	ck_assert(procfs_has_env(pid, "LAST=x"));
	ck_assert(procfs_has_env(pid, big));
	ck_assert(!procfs_has_env(pid, "A=12"));
	ck_assert(!procfs_has_env(pid, "A="));
	ck_assert(!procfs_has_env(pid, "EY=VALUE"));
	ck_assert(!procfs_has_env(pid, "KEY=VALU"));
	ck_assert(!procfs_has_env(pid, ""));
	end(pid);
	ck_assert(!procfs_has_env(pid, "A=1"));
	ck_assert(!procfs_has_env(-1, "A=1"));
}
END_TEST

START_TEST(identities)
{
	char a[40], b[40];

	ck_assert_int_eq(procfs_boot_id(a), 0);
	ck_assert_int_eq(procfs_boot_id(b), 0);
	ck_assert_uint_eq(strlen(a), 36);
	ck_assert_str_eq(a, b);
	ck_assert(procfs_pid_namespace() != 0);
	ck_assert(procfs_own_start() != 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, parses);
	tcase_add_test(tc, hostile_names);
	tcase_add_test(tc, refuses);
	tcase_add_test(tc, survives_every_cut);
	tcase_add_test(tc, reads_stat);
	tcase_add_test(tc, many_children);
	tcase_add_test(tc, children_of_threads);
	tcase_add_test(tc, descendants);
	tcase_add_test(tc, environment);
	tcase_add_test(tc, identities);
	return run_cases("base_procfs", tc, NULL);
}
