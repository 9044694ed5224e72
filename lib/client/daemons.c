/* client/daemons.c - starting and ending the daemons (client/daemons.h). */
#include "client/daemons.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inherited.h"
#include "base/io.h"
#include "client/turn.h"

#define READY_FD 3
/* three daemons are there within milliseconds, or something is wrong that status shows */
#define ROLES_WAIT_NS (1 * NS_PER_SEC)
/* a guardian makes it, or removes it and ends, within milliseconds */
#define TABLE_WAIT_NS	  (5 * NS_PER_SEC)
#define PROMOTION_WAIT_NS (1 * NS_PER_SEC) /* an execve and an attach take some milliseconds */

/* In the grandchild, which nobody waits for: become the guardian. What fails here is told through
 * the pipe, as the guardian would. */
static _Noreturn void become_guardian(const struct home *h, const char *program, int ready, int log)
{
	char home[PATH_MAX], fd_text[8], name[] = "tend-guardian", opt_home[] = "--home",
					 opt_ready[] = "--ready-fd";
	char *argv[] = { name, opt_home, home, opt_ready, fd_text, NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	snprintf(home, sizeof(home), "%s", h->path);
	snprintf(fd_text, sizeof(fd_text), "%d", READY_FD);
	inherited_defaults();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(077);
	unsetenv("TEND_NAME");
	unsetenv("TEND_INSTANCE");
	/* Out of the way first: any of these numbers may be one that a dup2() below replaces. */
	null = fcntl(null, F_DUPFD, 10);
	log = fcntl(log, F_DUPFD, 10);
	ready = fcntl(ready, F_DUPFD, 10);
	if (null >= 0 && log >= 0 && ready >= 0 && dup2(null, 0) == 0 && dup2(log, 1) == 1 &&
		dup2(log, 2) == 2 && dup2(ready, READY_FD) == READY_FD && chdir("/") == 0) {
		syscall(SYS_close_range, READY_FD + 1, ~0u, 0);
		execv(program, argv);
		ready = READY_FD;
	}
	dprintf(ready, "cannot execute %s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Fork twice, so that the guardian is nobody's child but init's; setsid() between, so that it can
 * never get a controlling terminal. */
static int launch(const struct home *h, const char *program, int ready, int log, struct fault *f)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return fault_errno(f, -errno, "cannot start the guardian");
	if (child == 0) {
		pid_t grandchild;

		setsid();
		grandchild = fork();
		if (grandchild == 0)
			become_guardian(h, program, ready, log);
		if (grandchild < 0)
			dprintf(ready, "cannot start the guardian: %s\n", strerror(errno));
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* The guardian's one line: "ok", an error, or nothing (it died). */
static int read_verdict(int fd, const struct watcher *w, char *buf, size_t size)
{
	uint64_t began = clock_boot_ns();
	size_t len = 0;

	while (len + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 500) == 0) {
			watcher_wait(w, began, "waiting for tend's daemons to start");
			continue;
		}
		n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	watcher_came(w);
	buf[len] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return strcmp(buf, "ok") == 0 ? 0 : -EIO;
}

/* What the daemons write to; a FIFO, a device or a link in its place is refused. */
static int open_log(const struct home *h, struct fault *f)
{
	struct stat st;
	int fd = io_open(h->logs_fd, HOME_LOG_FILE, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 && fd != -ENXIO) /* ENXIO: a FIFO that nobody reads, a socket */
		return fault_errno(f, fd, "cannot open %s/logs/tend.log", h->path);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	io_close(&fd);
	return fault_set(f, -EINVAL, "%s/logs/tend.log is not a regular file: remove it", h->path);
}

static int start_guardian(const struct home *h, const struct watcher *w, struct fault *f)
{
	char program[PATH_MAX], verdict[FAULT_MAX];
	int ready[2] = { -1, -1 }, log = -1;
	int r = home_program("tend-guardian", program, f);

	if (r < 0)
		return r;
	log = open_log(h, f);
	if (log < 0)
		return log;
	if (pipe2(ready, O_CLOEXEC) < 0) {
		r = fault_errno(f, -errno, "cannot start the guardian");
		goto out;
	}
	r = launch(h, program, ready[1], log, f);
	io_close(&ready[1]);
	if (r < 0)
		goto out;
	r = read_verdict(ready[0], w, verdict, sizeof(verdict));
	if (r == 0 || instance_role_held(h, ROLE_GUARDIAN))
		r = 0; /* ours, or someone else's that was faster */
	else if (verdict[0])
		fault_set(f, r, "%s", verdict);
	else
		fault_set(f, r,
			"the guardian ended before it was ready; %s/logs/tend.log may tell why",
			h->path);
out:
	io_close(&ready[0]);
	io_close(&ready[1]);
	io_close(&log);
	return r;
}

/* A spawner without a guardian is about to become one. */
static bool promoted(const struct home *h)
{
	uint64_t until = clock_boot_ns() + PROMOTION_WAIT_NS;

	while (instance_role_held(h, ROLE_SPAWNER) && clock_boot_ns() < until) {
		if (instance_role_held(h, ROLE_GUARDIAN))
			return true;
		instance_nap(10);
	}
	return instance_role_held(h, ROLE_GUARDIAN);
}

bool daemons_guarded(const struct home *h)
{
	return instance_role_held(h, ROLE_GUARDIAN) || promoted(h);
}

/* Not that anybody needs them to be there; but a status that is asked for right after a start
 * should not find half of them. */
static void await_roles(const struct home *h)
{
	uint64_t until = clock_boot_ns() + ROLES_WAIT_NS;

	for (unsigned role = 0; role < ROLE_MAX && clock_boot_ns() < until; role++)
		while (!instance_role_held(h, role) && clock_boot_ns() < until)
			instance_nap(1);
}

static int ensure_guardian(
	const struct home *h, bool *ret_started, const struct watcher *w, struct fault *f)
{
	bool started = false;
	int fd, r = 0;

	if (daemons_guarded(h))
		return 0;
	fd = turn_take(h, TURN_START, w, f);
	if (fd < 0)
		return fd;
	if (!instance_role_held(h, ROLE_GUARDIAN)) {
		r = start_guardian(h, w, f);
		started = r == 0;
		if (started)
			await_roles(h);
	}
	io_close(&fd);
	*ret_started |= started;
	return r;
}

/* A guardian without a table is one that begins, and may die before it has made it, or one that
 * ends. */
int daemons_ensure(struct home *h, bool *ret_started, const struct watcher *w, struct fault *f)
{
	uint64_t until = clock_boot_ns() + TABLE_WAIT_NS;
	bool started = false;
	int r = h->run_fd < 0 ? home_complete(h, f) : 0; /* somebody has removed it */

	while (r == 0 && (r = ensure_guardian(h, &started, w, f)) == 0 && !instance_has_table(h) &&
		clock_boot_ns() < until)
		instance_nap(10);
	if (r == 0 && ret_started)
		*ret_started = started;
	return r;
}
