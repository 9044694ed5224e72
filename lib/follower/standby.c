/* follower/standby.c - see follower/standby.h. */
#define _GNU_SOURCE 1
#include "follower/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/pidref.h"
#include "base/say.h"

#define GRACE_MS 300 /* a spawner needs some ten to become the guardian */
#define TURN_MS	 300 /* the logger's waits so much longer: one comes first */
/* a guardian that was started signs its lock within milliseconds, or something is wrong */
#define AGAIN_MS    2000
#define LOOK_MS	    20
#define END_MS	    1000 /* SIGKILL takes no longer but on a machine that stands still */
#define UNSIGNED_MS 1000 /* one that could not sign its lock (a full disk) can't be watched */

/* Wait, but not longer than our daemon lives. */
static void nap(int alive_fd, int ms)
{
	struct pollfd p = { .fd = alive_fd };

	if (poll(&p, 1, ms) > 0)
		_exit(0);
}

static void await_end(int alive_fd, const struct pidref *guardian)
{
	struct pollfd p[] = { { .fd = alive_fd }, { .fd = guardian->fd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[0].revents)
		_exit(0);
}

/* Until nobody is the guardian. An error of the moment tells nothing. */
static void await_absence(const struct home *h, int alive_fd)
{
	struct pidref guardian = PIDREF_NONE;
	uint64_t start_ticks = 0;
	pid_t pid = 0;
	int r;

	while ((r = role_holder(h->run_fd, ROLE_GUARDIAN, &pid, &start_ticks)) != -ENOENT) {
		if (r == 0 && pid != 0 && pidref_open(pid, start_ticks, &guardian) == 0)
			await_end(alive_fd, &guardian);
		else
			nap(alive_fd, UNSIGNED_MS);
		pidref_done(&guardian);
	}
}

static bool is_guarded(const struct home *h)
{
	uint64_t start_ticks;
	pid_t pid;

	return role_holder(h->run_fd, ROLE_GUARDIAN, &pid, &start_ticks) != -ENOENT;
}

/* A home that was removed must not be made again, and where no guardian ever was (a daemon that
 * somebody runs alone) none is missed. */
static bool had_guardian(const struct home *h)
{
	struct stat st;

	return fstat(h->run_fd, &st) == 0 && st.st_nlink > 0 &&
		faccessat(h->run_fd, "guardian.lock", F_OK, 0) == 0;
}

static _Noreturn void become_guardian(const struct home *h, const char *program)
{
	static char name[] = "tend-guardian", opt_home[] = "--home", opt_resume[] = "--resume";
	char home[PATH_MAX];
	char *argv[] = { name, opt_home, home, opt_resume, NULL };

	(void)memcpy(home, h->path, sizeof(home));
	execv(program, argv);
	say(SAY_ERROR, "cannot execute %s: %s", program, strerror(errno));
	_exit(127);
}

/* By a child of its own that ends at once: so it is nobody's child but init's, and outlives us. */
static void start_guardian(const struct home *h)
{
	char program[PATH_MAX];
	struct fault f = { "" };
	pid_t child;

	if (home_program("tend-guardian", program, &f) < 0) {
		say(SAY_ERROR, "neither guardian nor spawner is left, and: %s", f.text);
		return;
	}
	say(SAY_WARNING, "the guardian is gone and nobody took its place; starting another");
	child = fork();
	if (child == 0) {
		(void)setsid();
		if (fork() == 0)
			become_guardian(h, program);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void stand_by(const struct home *h, enum role role, int alive_fd)
{
	(void)prctl(PR_SET_NAME, "tend-standby");
	reset_signals();
	for (;;) {
		await_absence(h, alive_fd);
		nap(alive_fd, GRACE_MS + (role == ROLE_LOGGER ? TURN_MS : 0));
		if (is_guarded(h) || !had_guardian(h))
			continue;
		start_guardian(h);
		for (int ms = 0; ms < AGAIN_MS && !is_guarded(h); ms += LOOK_MS)
			nap(alive_fd, LOOK_MS);
	}
}

int standby_begin(struct standby *s, const struct home *h, enum role role, int lock_fd)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		io_close(&lock_fd); /* the role is our daemon's: it must end with that */
		io_close(&ends[1]);
		stand_by(h, role, ends[0]);
	}
	r = pid < 0 ? -errno : 0;
	io_close(&ends[0]);
	if (r) {
		io_close(&ends[1]);
		return r;
	}
	s->pid = pid;
	s->alive_fd = ends[1];
	r = sys_pidfd_open(pid);
	s->pid_fd = r < 0 ? -1 : r;
	return 0;
}

/* It would end by itself; but who ends an instance may look at once whether anything is left of
 * it. */
void standby_end(struct standby *s)
{
	struct pollfd p = { .fd = s->pid_fd, .events = POLLIN };

	io_close(&s->alive_fd);
	if (s->pid_fd >= 0 && sys_pidfd_signal(s->pid_fd, SIGKILL) == 0)
		(void)poll(&p, 1, END_MS);
	io_close(&s->pid_fd);
	s->pid = 0;
}
