/* spawner/found.c - see spawner/found.h. */
#define _GNU_SOURCE 1
#include "spawner/found.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/marks.h"
#include "base/procfs.h"
#include "base/whose.h"
#include "spawner/spawner.h"

struct look {
	const struct home *home;
	struct found found;
	pid_t daemon[ROLE_MAX];
};

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
	char name[NAME_MAX_BYTES];
	struct procfs_stat st;
	int r = whose_process(l->home, proc_fd, m, name);

	if (r != WHOSE_OURS)
		return r < 0 ? r : 0;
	r = procfs_stat(pid, &st);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!procfs_stat_alive(&st) || st.session != pid || is_daemon(l, pid))
		return 0;
	return add(&l->found, name, &st);
}

/* By name, the oldest of each first. */
static int by_name_and_age(const void *a, const void *b)
{
	const struct found_process *x = a, *y = b;
	int names = strcmp(x->name, y->name);

	if (names || x->start_ticks != y->start_ticks)
		return names
			? names
			: (x->start_ticks > y->start_ticks) - (x->start_ticks < y->start_ticks);
	return (x->pid > y->pid) - (x->pid < y->pid);
}

int found_look(struct spawner *sp, struct found *ret)
{
	struct look l = { .home = &sp->start.home };
	uint64_t start_ticks;
	int r;

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

bool found_has(const struct found *f, const char *name, pid_t pid)
{
	const struct found_process *at = found_root(f, name);

	for (; at && at < f->process + f->n && strcmp(at->name, name) == 0; at++)
		if (at->pid == pid)
			return true;
	return false;
}
