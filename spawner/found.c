/* spawner/found.c - see spawner/found.h. */
#define _GNU_SOURCE 1
#include "spawner/found.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/marks.h"
#include "base/procfs.h"
#include "spawner/child.h"
#include "spawner/proc.h"

struct look {
	const struct home *home;
	struct found found;
	char instance[20];
	pid_t daemon[ROLE_MAX];
};

/* "HOME/run/NAME.out" behind the descriptor; also between clone and execve, when the process still shows the environment of its spawner. */
static bool name_by_keeper(const struct look *l, int proc_fd, char name[static NAME_MAX_BYTES])
{
	static const char suffix[] = ".out";
	char path[PATH_MAX], link[24];
	size_t folder = strlen(l->home->path), len;
	ssize_t n;

	snprintf(link, sizeof(link), "fd/%d", CHILD_KEEPER_FD);
	n = readlinkat(proc_fd, link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	if (strncmp(path, l->home->path, folder) != 0 || strncmp(path + folder, "/run/", 5) != 0)
		return false;
	len = strlen(path + folder + 5);
	if (len < sizeof(suffix) || strcmp(path + folder + 5 + len - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	path[folder + 5 + len - (sizeof(suffix) - 1)] = 0;
	return str_copy(name, NAME_MAX_BYTES, path + folder + 5);
}

/* A mark can be imitated, and matters where we may read what others run: then the descriptor must be of the very FIFO, which they can't open. */
static bool is_ours(const struct look *l, int proc_fd, const char *name)
{
	char link[24], fifo[NAME_MAX_BYTES + 8];
	struct stat st, own;

	if (fstat(proc_fd, &st) == 0 && st.st_uid == geteuid())
		return true;
	snprintf(link, sizeof(link), "fd/%d", CHILD_KEEPER_FD);
	snprintf(fifo, sizeof(fifo), "%s.out", name);
	return fstatat(proc_fd, link, &st, 0) == 0 && fstatat(l->home->run_fd, fifo, &own, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == own.st_dev &&
	       st.st_ino == own.st_ino;
}

static bool is_daemon(const struct look *l, pid_t pid)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (l->daemon[role] == pid)
			return true;
	return false;
}

static int add(struct found *f, const char *name, const struct procfs_stat *st)
{
	struct found_process *more;

	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		more = reallocarray(f->process, f->cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		f->process = more;
	}
	more = &f->process[f->n++];
	*more = (struct found_process){ .pid = st->pid, .start_ticks = st->start_ticks };
	(void)str_copy(more->name, sizeof(more->name), name);
	return 0;
}

static int visit(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	struct look *l = arg;
	char name[NAME_MAX_BYTES] = "";
	struct procfs_stat st;
	int r;

	if (m->instance ? strcmp(m->instance, l->instance) != 0 || !m->name || !str_copy(name, sizeof(name), m->name) :
			  !name_by_keeper(l, proc_fd, name))
		return 0;
	r = procfs_stat(pid, &st);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!procfs_stat_alive(&st) || st.session != pid || is_daemon(l, pid) || name_check(name, NULL) < 0 ||
	    !is_ours(l, proc_fd, name))
		return 0;
	return add(&l->found, name, &st);
}

/* By name, the oldest of each first. */
static int by_name_and_age(const void *a, const void *b)
{
	const struct found_process *x = a, *y = b;
	int names = strcmp(x->name, y->name);

	if (names || x->start_ticks != y->start_ticks)
		return names ? names : (x->start_ticks > y->start_ticks) - (x->start_ticks < y->start_ticks);
	return (x->pid > y->pid) - (x->pid < y->pid);
}

int found_look(struct spawner *sp, struct found *ret)
{
	struct look l = { .home = &sp->start.home };
	uint64_t start_ticks;
	int r;

	snprintf(l.instance, sizeof(l.instance), "%016llx", (unsigned long long)sp->start.home.id);
	for (unsigned role = 0; role < ROLE_MAX; role++)
		(void)role_holder(sp->start.home.run_fd, role, &l.daemon[role], &start_ticks);
	r = marks_each(visit, &l);
	if (r < 0)
		found_done(&l.found);
	else if (l.found.n)
		qsort(l.found.process, l.found.n, sizeof(*l.found.process), by_name_and_age);
	*ret = l.found;
	return r;
}

void found_done(struct found *f)
{
	free(f->process);
	*f = (struct found){ .process = NULL };
}

const struct found_process *found_root(const struct found *f, const char *name)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(f->process[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < f->n && strcmp(f->process[low].name, name) == 0 ? &f->process[low] : NULL;
}
