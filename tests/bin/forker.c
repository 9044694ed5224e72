/*
 * tests/bin/forker.c - makes a whole tree of processes, with those in it that a careless supervisor
 * loses.
 *
 *   forker [N [PLAIN]]           N children (default 2), each with a child of its own; unless PLAIN
 *                                is given also
 *                                - a grandchild in a session of its own (setsid), whose process
 *                                  group is not ours
 *                                - a daemon (double fork, setsid), whose parent is no longer one of
 *                                  us
 *
 * Each process writes "KIND PID" as one line once it exists; the root writes "ready PID" last, when
 * all of them do. They all sleep then. SIGTERM ends each of them, for itself alone: nobody here
 * tidies up after another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int done_fd; /* write end of a pipe; each finished process writes one byte */

/* write(2) and not stdio: the line must leave at once, and whole. */
static void announce(const char *kind)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s %d\n", kind, (int)getpid());

	if (n <= 0 || write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(1);
}

static _Noreturn void settle(const char *kind)
{
	announce(kind);
	if (write(done_fd, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("forker: fork");
		_exit(1);
	}
	return pid;
}

static _Noreturn void be_child(const char *kind_of_grandchild)
{
	if (fork_or_die() == 0) {
		if (strcmp(kind_of_grandchild, "setsid") == 0)
			(void)setsid();
		settle(kind_of_grandchild);
	}
	settle("child");
}

static void make_daemon(void)
{
	pid_t middle = fork_or_die();

	if (middle == 0) {
		(void)setsid();
		if (fork_or_die() == 0)
			settle("daemon");
		_exit(0);
	}
	(void)waitpid(middle, NULL, 0);
}

int main(int argc, char **argv)
{
	int children = argc > 1 ? atoi(argv[1]) : 2;
	int plain = argc > 2;
	int expected = 2 * children;
	int fds[2];
	char byte;

	if (children < 0 || children > 10000 || pipe(fds) != 0)
		return 2;
	done_fd = fds[1];
	for (int i = 0; i < children; i++)
		if (fork_or_die() == 0)
			be_child("grandchild");
	if (!plain) {
		if (fork_or_die() == 0)
			be_child("setsid");
		make_daemon();
		expected += 3;
	}
	for (int i = 0; i < expected; i++)
		if (read(fds[0], &byte, 1) != 1)
			return 1;
	announce("ready");
	for (;;)
		pause();
}
