/* base/spawn.c - vfork(2), or fork(2), and execve(2) (base/spawn.h). */
#define _GNU_SOURCE 1
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/inherited.h"
#include "base/io.h"

#define CLEAR_OF_THEM 10 /* no number that a dup2() below replaces */

/* The child runs in our memory until it executes: handlers must not, so all signals are blocked
 * until none has one any more. */
static void default_signals(int blocked)
{
	sigset_t mask;

	signals_default();
	(void)sigemptyset(&mask);
	if (blocked)
		(void)sigaddset(&mask, blocked);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* All are moved out of the way before the first is put where it belongs. */
static bool place(const struct spawn *s)
{
	int from[SPAWN_FDS];

	for (int i = 0; i < SPAWN_FDS; i++) {
		from[i] = s->fd[i];
		if (from[i] == SPAWN_NULL)
			from[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] < 0 && s->fd[i] != SPAWN_LEAVE)
			return false;
		if (from[i] >= 0 && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, CLEAR_OF_THEM)) < 0)
			return false;
	}
	for (int i = 0; i < SPAWN_FDS; i++)
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			return false;
	return true;
}

/* Returns an errno. */
static int become(const struct spawn *s)
{
	default_signals(s->blocked);
	if (s->group && setpgid(0, 0) < 0)
		return errno;
	if (s->folder && chdir(s->folder) < 0)
		return errno;
	if (!place(s))
		return errno;
	(void)execvp(s->program, s->argv);
	return errno;
}

int spawn_begin(const struct spawn *s, pid_t *ret)
{
	volatile int error = 0;
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	if (s->error_fd)
		pid = fork();
	else
		pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the child shares our memory on purpose, to tell why it failed
	if (pid == 0) {
		int failed = become(s);

		if (s->error_fd)
			(void)io_write_all(s->error_fd, &failed, sizeof(failed));
		error = failed;
		_exit(127);
	}
	if (pid < 0)
		error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid > 0 && error) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (error)
		return -error;
	*ret = pid;
	return 0;
}
