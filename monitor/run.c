/* monitor/run.c - see monitor/run.h. */
#include "monitor/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/spawn.h"
#include "base/str.h"

/* so long after SIGKILL: a busy machine needs a moment to let go of a process */
#define HANGS_NS (2 * NS_PER_SEC)

struct run {
	struct run *prev, *next;
	struct monitor *mo;
	struct run **at; /* NULL: nobody asks any more */
	pid_t child;	 /* also the group; reaped: only that */
	int fd;		 /* of child; -1 = it was reaped */
	int error_fd;	 /* where it says why it could not be executed */
	struct loop_watch *ending;
	uint64_t killed_ns; /* 0 = it was not */
	run_fn *fn;
	void *arg;
};

static int execute(char *const *argv, int stdin_fd, int error_fd, pid_t *ret)
{
	struct spawn s = { .program = argv[0],
		.argv = argv,
		.group = true,
		.fd = { stdin_fd >= 0 ? stdin_fd : SPAWN_NULL, SPAWN_NULL, SPAWN_NULL,
			SPAWN_LEAVE },
		.error_fd = error_fd };

	return spawn_begin(&s, ret);
}

static void unwatch(struct run *r)
{
	loop_unwatch(r->mo->loop, r->ending);
	r->ending = NULL;
	io_close(&r->fd);
	io_close(&r->error_fd);
}

static void release(struct run *r)
{
	unwatch(r);
	if (r->at)
		*r->at = NULL;
	if (r->prev)
		r->prev->next = r->next;
	else
		r->mo->runs = r->next;
	if (r->next)
		r->next->prev = r->prev;
	free(r);
}

/* Once the command was reaped its number may be given to another as soon as the group is gone:
 * nothing is killed by it any more. */
static void kill_group(struct run *r)
{
	if (r->fd >= 0)
		(void)kill(-r->child, SIGKILL);
	r->killed_ns = r->killed_ns ? r->killed_ns : clock_boot_ns();
}

/* The zombie keeps its number, and with it that of the group, until it is reaped. */
static void on_ending(void *arg, uint32_t events)
{
	struct run *r = arg;
	bool killed = r->killed_ns != 0;
	run_fn *fn = r->fn;
	void *fn_arg = r->arg;
	siginfo_t si = { 0 };
	int error = 0;

	(void)events;
	kill_group(r);
	if (waitid(P_PID, (id_t)r->child, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
		return;
	if (read(r->error_fd, &error, sizeof(error)) != sizeof(error))
		error = 0; /* it was executed, and the end that wrote is closed */
	unwatch(r);
	/* else what it has started is still on its way out, or hangs */
	if (kill(-r->child, 0) < 0 && errno == ESRCH)
		release(r);
	if (!killed)
		fn(fn_arg, error, &si);
}

/* Does a process of this group live? Zombies that the guardian has not reaped yet do not. */
static bool group_lives(pid_t group)
{
	struct procfs_stat st;
	struct dirent *e;
	bool lives = false;
	int64_t pid;
	DIR *proc;

	/* While a group has a member its number is given to nobody; so a process of that number is
	 * a stranger, and the group gone. */
	if ((kill(-group, 0) < 0 && errno == ESRCH) || kill(group, 0) == 0 || errno != ESRCH ||
		!(proc = opendir("/proc")))
		return false;
	while (!lives && (e = readdir(proc)))
		lives = str_int(e->d_name, 1, INT32_MAX, &pid) == 0 &&
			procfs_stat((pid_t)pid, &st) == 0 && st.pgrp == group &&
			procfs_stat_alive(&st);
	(void)closedir(proc);
	return lives;
}

/* Nothing of it lives any more: forget it. */
static bool is_over(struct run *r)
{
	if (r->fd >= 0 || group_lives(r->child))
		return false;
	release(r);
	return true;
}

static bool hangs(const struct run *r)
{
	return r->killed_ns && clock_boot_ns() - r->killed_ns >= HANGS_NS;
}

static int begin(struct run *r, char *const *argv, int stdin_fd)
{
	int ends[2], e;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	r->error_fd = ends[0];
	e = execute(argv, stdin_fd, ends[1], &r->child);
	io_close(&ends[1]);
	if (e < 0)
		return e;
	r->fd = sys_pidfd_open(r->child);
	e = r->fd < 0 ? r->fd : loop_watch(r->mo->loop, r->fd, EPOLLIN, on_ending, r, &r->ending);
	if (e < 0) { /* without that it would never be known to have ended */
		(void)kill(-r->child, SIGKILL);
		(void)waitpid(r->child, NULL, WNOHANG); /* else who becomes its parent reaps it */
	}
	return e;
}

int run_begin(
	struct monitor *mo, struct run **at, char *const *argv, int stdin_fd, run_fn *fn, void *arg)
{
	struct run *r;
	int e;

	if (*at && !is_over(*at))
		return hangs(*at) ? -EDEADLK : -EBUSY;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct run){
		.next = mo->runs, .mo = mo, .at = at, .fd = -1, .error_fd = -1, .fn = fn, .arg = arg
	};
	if (mo->runs)
		mo->runs->prev = r;
	mo->runs = *at = r;
	e = begin(r, argv, stdin_fd);
	if (e < 0)
		release(r);
	return e;
}

void run_kill(struct run *r)
{
	if (r)
		kill_group(r);
}

bool run_is_on(const struct run *r)
{
	return r && !r->killed_ns;
}

pid_t run_group(const struct run *r)
{
	return r->child;
}

void run_leave(struct run **at)
{
	if (!*at)
		return;
	kill_group(*at);
	(*at)->at = NULL;
	*at = NULL;
}

void runs_count(struct monitor *mo)
{
	struct run *next;
	unsigned n = 0;

	for (struct run *r = mo->runs; r; r = next) {
		next = r->next;
		n += !is_over(r) && hangs(r);
	}
	if (n && !mo->state.stuck_commands)
		say(SAY_WARNING, "%u command%s of probes or alerts can't be killed", n,
			n == 1 ? "" : "s");
	mo->state.stuck_commands = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
}

void runs_free(struct monitor *mo)
{
	while (mo->runs) {
		kill_group(mo->runs);
		if (mo->runs->fd >= 0)
			(void)waitpid(mo->runs->child, NULL, WNOHANG);
		release(mo->runs);
	}
}
