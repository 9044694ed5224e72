/* monitor/run.c - see monitor/run.h. */
#include "monitor/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/spawn.h"

int run_begin(char *const *argv, int stdin_fd, pid_t *ret)
{
	struct spawn s = { .program = argv[0], .argv = argv, .group = true,
			   .fd = { stdin_fd >= 0 ? stdin_fd : SPAWN_NULL, SPAWN_NULL, SPAWN_NULL, SPAWN_LEAVE } };

	return spawn_begin(&s, ret);
}

/* The zombie keeps its number, and with it that of the group, until it is reaped. */
void run_end(pid_t child)
{
	(void)kill(-child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}
