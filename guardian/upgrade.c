/*
 * guardian/upgrade.c - the guardian goes on as another build of itself, by execve: same pid, so its
 * children stay its children, and the role's lock, the table and the held FIFOs are handed over as
 * descriptors. The new one then replaces the other three daemons one after the other.
 *
 * tend upgrade writes the path of the new program into run/upgrade and sends SIGHUP. Where the new
 * build has another layout it makes a new table, and the old spawner's last act
 * (spawner/handover.c) tells the new one what to fill it with. Until that has happened nobody is
 * reaped: an end that can't be recorded yet stays a zombie, which keeps its status.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/str.h"
#include "guardian/guardian.h"

static void keep_open(int fd, bool keep)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static void keep_all(const struct guardian *g, bool keep)
{
	keep_open(g->start.lock_fd, keep);
	keep_open(pt_fd(g->pt), keep);
	for (uint32_t i = 0; i < g->fifos.slots; i++) {
		keep_open(g->fifos.row[i].out_fd, keep);
		keep_open(g->fifos.row[i].err_fd, keep);
	}
}

/* Returns only if that program can't be executed. */
static void become(struct guardian *g, char *program)
{
	char lock[16], segment[16], capacity[16];
	char *argv[] = { program, (char *)(uintptr_t) "--home", g->start.home.path,
		(char *)(uintptr_t) "--lock-fd", lock, (char *)(uintptr_t) "--segment-fd", segment,
		(char *)(uintptr_t) "--capacity", capacity, (char *)(uintptr_t) "--upgrade",
		g->resurrect ? (char *)(uintptr_t) "--resurrect" : NULL, NULL };
	struct pt_info info;

	pt_get_info(g->pt, &info);
	snprintf(lock, sizeof(lock), "%d", g->start.lock_fd);
	snprintf(segment, sizeof(segment), "%d", pt_fd(g->pt));
	snprintf(capacity, sizeof(capacity), "%u", info.capacity);
	say(SAY_INFO, "going on as %s", program);
	keep_all(g, true);
	execv(program, argv);
	say(SAY_ERROR, "cannot execute %s: %s", program, strerror(errno));
	keep_all(g, false);
}

void upgrade_asked(struct guardian *g)
{
	char program[PATH_MAX];
	int n = io_read_small(g->start.home.run_fd, HOME_UPGRADE_FILE, program, sizeof(program));

	if (n < 0 || g->shutting) /* no file: SIGHUP of a terminal that went away */
		return;
	(void)io_remove(g->start.home.run_fd, HOME_UPGRADE_FILE, 0);
	program[strcspn(program, "\n")] = 0;
	if (program[0] == '/')
		become(g, program);
	else
		say(SAY_ERROR, "run/%s names no program, ignoring", HOME_UPGRADE_FILE);
}

bool upgrade_to_installed(struct guardian *g)
{
	char program[PATH_MAX];
	struct fault f = { "" };

	if (home_program("tend-guardian", program, &f) < 0 || procfs_runs(getpid(), program))
		return false;
	say(SAY_WARNING, "the programs were replaced by a build with another table layout");
	become(g, program);
	return false;
}

/* Is this one of the FIFOs that our earlier self left open for us? Everything of our own is
 * close-on-exec. */
static bool is_handed_over(int fd)
{
	struct stat st;
	int flags;

	return fd > STDERR_FILENO && fcntl(fd, F_GETFD) == 0 && fstat(fd, &st) == 0 &&
		S_ISFIFO(st.st_mode) && (flags = fcntl(fd, F_GETFL)) >= 0 &&
		(flags & O_ACCMODE) == O_RDONLY;
}

/* Takes it where it is one. */
static void inherit(struct guardian *g, int fd)
{
	int *more;

	if (!is_handed_over(fd))
		return;
	keep_open(fd, false);
	more = reallocarray(g->inherited, g->n_inherited + 1, sizeof(*more));
	if (!more)
		return; /* it stays open, which does no harm */
	g->inherited = more;
	g->inherited[g->n_inherited++] = fd;
}

/* Every number that can be one: the kernel gives out the lowest that is free, and our earlier self
 * had a few for each row. */
static void inherit_by_number(struct guardian *g)
{
	const rlim_t most = 8 * (rlim_t)PT_CAPACITY_MAX;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > most)
		files.rlim_cur = most;
	for (int fd = STDERR_FILENO + 1; fd < (int)files.rlim_cur; fd++)
		inherit(g, fd);
}

void upgrade_inherit(struct guardian *g)
{
	DIR *dir = opendir("/proc/self/fd");
	bool whole = false;
	struct dirent *e;
	int64_t fd;

	while (dir) {
		errno = 0;
		if (!(e = readdir(dir))) {
			whole = errno == 0;
			closedir(dir);
			break;
		}
		if (str_int(e->d_name, 0, INT32_MAX, &fd) == 0)
			inherit(g, (int)fd);
	}
	if (!whole)
		inherit_by_number(g);
}

void upgrade_release(struct guardian *g)
{
	for (size_t i = 0; i < g->n_inherited; i++)
		io_close(&g->inherited[i]);
	free(g->inherited);
	g->inherited = NULL;
	g->n_inherited = 0;
}
