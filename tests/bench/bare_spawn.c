/* tests/bench/bare_spawn.c PROGRAM... - the floor of starting many: posix_spawn() of each in a
 * loop; prints the pids when all run. Ends them with its standard input. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
	pid_t *pid = calloc((size_t)argc, sizeof(*pid));
	char byte;

	if (!pid)
		return 1;
	for (int i = 1; i < argc; i++) {
		char *const args[] = { argv[i], NULL };

		if (posix_spawn(&pid[i], argv[i], NULL, NULL, args, environ) != 0)
			return 1;
	}
	puts("running");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 1; i < argc; i++)
		kill(pid[i], SIGKILL);
	free(pid);
	return 0;
}
