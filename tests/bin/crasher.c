/*
 * tests/bin/crasher.c - a process that ends in a chosen way, after a chosen time.
 *
 *   crasher [SECONDS [HOW]]      HOW: an exit status (0 to 255), or a signal as "s9"; default:
 *                                after 0 s, with exit status 1
 *
 * It writes "crasher PID start" first, so that a log tells how often it lived. A signal is sent to
 * itself with the default action restored; the core file is switched off, since tests would litter
 * the machine with it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void nap(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) != 0)
		;
}

static void die_by_signal(int signo)
{
	const struct rlimit none = { 0, 0 };
	sigset_t set;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signo);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0;
	const char *how = argc > 2 ? argv[2] : "1";

	printf("crasher %d start\n", (int)getpid());
	fflush(stdout);
	nap(seconds);
	if (how[0] == 's') {
		die_by_signal(atoi(how + 1));
		return 125; /* a signal that does not kill, SIGCHLD for instance */
	}
	return atoi(how);
}
