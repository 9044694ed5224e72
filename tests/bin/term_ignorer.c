/*
 * tests/bin/term_ignorer.c - will not end politely: ignores SIGTERM, SIGINT and SIGHUP, so that
 * only SIGKILL helps.
 *
 *   term_ignorer                 one process
 *   term_ignorer child           with a child that ignores them as well
 *   term_ignorer only-child      the parent ends at SIGTERM, its child ignores it: what a stop must
 *                                not leave behind
 *
 * Once the signals are ignored it writes "ready PID" (and "child PID"), so that a test does not
 * have to guess when.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void ignore_polite_signals(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	pid_t child = 0;

	/* Before the fork: the child must never be seen with the default action. */
	ignore_polite_signals();
	if (strcmp(mode, "child") == 0 || strcmp(mode, "only-child") == 0) {
		child = fork();
		if (child < 0)
			return 1;
		if (child == 0)
			sleep_for_ever();
	}
	if (strcmp(mode, "only-child") == 0)
		(void)signal(SIGTERM, SIG_DFL);
	if (child > 0)
		printf("child %d\n", (int)child);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	sleep_for_ever();
}
