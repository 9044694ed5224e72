/*
 * guardian/displaced.c - daemons whose lock is worth nothing any more, since somebody has removed
 * or replaced HOME/run under them. They would go on beside the new ones, on the same table and the
 * same processes; so who becomes the guardian ends them first. Processes outlive that, as they
 * outlive any death.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/pidref.h"
#include "base/say.h"
#include "base/whose.h"
#include "guardian/guardian.h"

/* SIGKILL takes longer only on a machine that stands still, or where the disk does */
#define END_MS 1000

/* A descriptor of the process: a lock file of this name that is not the one in run/? */
static bool is_lost_lock(int fds, const char *fd, const char *name, const struct stat *ours)
{
	char path[PATH_MAX];
	struct stat st;
	ssize_t n = readlinkat(fds, fd, path, sizeof(path) - 1);
	const char *base;

	if (n <= 0)
		return false;
	path[n] = 0;
	base = strrchr(path, '/');
	if (!base || strncmp(base + 1, name, strlen(name)) != 0 || fstatat(fds, fd, &st, 0) < 0)
		return false;
	return st.st_nlink == 0 || st.st_dev != ours->st_dev || st.st_ino != ours->st_ino;
}

static bool holds_lost_lock(int run_fd, enum role role, pid_t pid)
{
	char name[32], folder[32];
	struct stat ours = { 0 }; /* of no file, where there is none */
	const struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(name, sizeof(name), "%s.lock", role_name(role));
	(void)fstatat(run_fd, name, &ours, AT_SYMLINK_NOFOLLOW);
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (!dir)
		return false;
	while (!found && (e = readdir(dir)))
		found = is_lost_lock(dirfd(dir), e->d_name, name, &ours);
	closedir(dir);
	return found;
}

static bool is_displaced(const struct guardian *g, unsigned role, struct pidref *ret)
{
	const struct pt_daemon *d = &g->record[role];

	if (d->pid <= 0 || d->pid == getpid() || d->start_ticks == 0 ||
		pidref_open(d->pid, d->start_ticks, ret) < 0)
		return false;
	if (holds_lost_lock(g->start.home.run_fd, role, d->pid))
		return true;
	pidref_done(ret);
	return false;
}

/* All are found before any is killed, and killed before the end of any is waited for: a guardian
 * would start others, a spawner would become the guardian. */
int displaced_end(struct guardian *g, struct fault *f)
{
	struct pidref ref[ROLE_MAX];
	struct pollfd end;
	int r = 0;

	for (unsigned i = 0; i < ROLE_MAX; i++) {
		ref[i] = (struct pidref)PIDREF_NONE;
		if (is_displaced(g, i, &ref[i]) && whose_home_differs(&g->start.home, ref[i].pid))
			r = fault_set(f, -EBUSY,
				"the %s (process %d) of the same path runs for another folder, which lies there in its own mounts; "
				"set TEND_HOME to another path than %s",
				role_name(i), (int)ref[i].pid, g->start.home.path);
	}
	for (unsigned i = 0; i < ROLE_MAX && r == 0; i++) {
		if (ref[i].pid == 0)
			continue;
		(void)pidref_signal(&ref[i], SIGKILL);
	}
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		if (r == 0 && ref[i].pid)
			say(SAY_WARNING,
				"the %s (pid %d) had lost its lock, for run/ was removed or replaced; it was ended, to start another",
				role_name(i), (int)ref[i].pid);
		end = (struct pollfd){ .fd = ref[i].fd, .events = POLLIN };
		if (r == 0 && ref[i].pid && poll(&end, 1, END_MS) <= 0)
			say(SAY_WARNING, "the %s (pid %d) does not end, ignoring", role_name(i),
				(int)ref[i].pid);
		pidref_done(&ref[i]);
	}
	return r;
}
