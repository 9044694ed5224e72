/*
 * tests/bench/bare_restart.c PROGRAM ARGS... - the floor of a restart: run a program, wait on its
 * pidfd, run it again at once. Prints nothing, ends with its standard input.
 */
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };

	if (argc < 2)
		return 2;
	for (;;) {
		siginfo_t si;
		pid_t pid;

		if (posix_spawn(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0)
			return 1;
		p[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
		while (poll(p, 2, -1) > 0 && !p[0].revents && !p[1].revents)
			;
		if (p[0].revents) {
			kill(pid, SIGKILL);
			return 0;
		}
		waitid(P_PID, (id_t)pid, &si, WEXITED);
		close(p[1].fd);
	}
}
