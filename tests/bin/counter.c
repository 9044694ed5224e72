/*
 * tests/bin/counter.c - counts its own runs in a file, and ends each in a way that tells which it
 * was: for proofs that no run and no exit is missed, told twice, or made up.
 *
 *   counter FILE SECONDS RUNS [BASE]
 *
 * Each run appends "run N PID" to FILE (N from 0), waits SECONDS, and exits with the status BASE +
 * N (default base 10). Run number RUNS stays for ever. SIGUSR1 ends a run at once, with that status
 * too. A run that finds another one alive appends "double -1 PID" and exits with 99: FILE is locked
 * while a run lives.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int count_lines(int fd)
{
	char buf[4096];
	ssize_t n;
	int lines = 0;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	return lines;
}

static void note(int fd, const char *what, int number)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s %d %d\n", what, number, (int)getpid());

	if (n <= 0 || write(fd, line, (size_t)n) != n)
		_exit(98);
}

/* Until the time is over or SIGUSR1 comes; seconds < 0: for SIGUSR1 only. */
static void wait_for_end(double seconds, const sigset_t *set)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	if (seconds < 0)
		(void)sigwaitinfo(set, NULL);
	else
		(void)sigtimedwait(set, NULL, &left);
}

int main(int argc, char **argv)
{
	int base = argc > 4 ? atoi(argv[4]) : 10;
	sigset_t set;
	int fd, runs;

	if (argc < 4) {
		fprintf(stderr, "usage: counter FILE SECONDS RUNS [BASE]\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fd = open(argv[1], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(argv[1]);
		return 2;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		note(fd, "double", -1);
		return 99;
	}
	runs = count_lines(fd);
	note(fd, "run", runs);
	wait_for_end(runs >= atoi(argv[3]) ? -1 : strtod(argv[2], NULL), &set);
	return base + runs;
}
