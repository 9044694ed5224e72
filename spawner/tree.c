/* spawner/tree.c - see spawner/tree.h. */
#define _GNU_SOURCE 1
#include "spawner/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"

static int compare_pids(const void *a, const void *b)
{
	const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* The roots of all processes and the daemons, sorted: children of the adopters that are no strays. */
static int known_pids(struct spawner *sp, struct pidvec *v)
{
	struct pt_daemon d;

	for (uint32_t i = 0; i < sp->capacity && i < pt_high(sp->pt); i++)
		if (sp->slot[i] && sp->slot[i]->ref.pid && pidvec_push(v, sp->slot[i]->ref.pid) < 0)
			return -ENOMEM;
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (pt_read_daemon(sp->pt, role, &d) == 0 && d.pid && pidvec_push(v, d.pid) < 0)
			return -ENOMEM;
	if (pidvec_push(v, getpid()) < 0 || (sp->saver && pidvec_push(v, sp->saver) < 0))
		return -ENOMEM;
	qsort(v->pid, v->n, sizeof(*v->pid), compare_pids); /* never empty: at least ourselves */
	return 0;
}

static bool is_marked(const struct proc *p, pid_t pid)
{
	char mark[NAME_MAX_BYTES + 32];

	snprintf(mark, sizeof(mark), "TEND_INSTANCE=%016llx", (unsigned long long)p->sp->start.home.id);
	if (!procfs_has_env(pid, mark))
		return false;
	snprintf(mark, sizeof(mark), "TEND_NAME=%s", p->ident->name);
	return procfs_has_env(pid, mark);
}

/* 1: yes, 0: no, or it is gone, -errno: that can't be told now. */
static int is_stray_of(const struct proc *p, pid_t pid)
{
	struct procfs_stat st;
	int r = procfs_stat(pid, &st);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!procfs_stat_alive(&st))
		return 0;
	return (p->session && st.session == p->session) || is_marked(p, pid);
}

/* Those who may have become parents of our orphans. */
static int adopters(struct spawner *sp, struct pidvec *v)
{
	struct procfs_stat st;
	int r = pidvec_push(v, getpid());

	if (r == 0 && sp->guardian.pid)
		r = pidvec_push(v, sp->guardian.pid);
	if (r == 0 && sp->guardian.pid && procfs_stat(sp->guardian.pid, &st) == 0 && st.ppid > 1)
		r = pidvec_push(v, st.ppid);
	return r < 0 ? r : pidvec_push(v, 1);
}

static int find_strays(struct proc *p, struct pidvec *found)
{
	struct pidvec parents = { 0 }, known = { 0 }, children = { 0 };
	int r = adopters(p->sp, &parents);

	if (r == 0)
		r = known_pids(p->sp, &known);
	for (size_t i = 0; r == 0 && i < parents.n; i++)
		(void)procfs_children(parents.pid[i], 0, &children); /* one that can't be read adds none */
	for (size_t i = 0; r == 0 && i < children.n; i++) {
		pid_t pid = children.pid[i];

		if (bsearch(&pid, known.pid, known.n, sizeof(pid), compare_pids))
			continue;
		r = is_stray_of(p, pid);
		if (r > 0)
			r = procfs_descendants(pid, found);
	}
	free(parents.pid);
	free(known.pid);
	free(children.pid);
	return r;
}

/* Children of ours that we neither launched nor forked: somebody's strays. The file lists pids, each followed by a blank. */
static bool have_stray_children(const struct spawner *sp)
{
	char text[4096];
	unsigned n = 0;
	off_t at = 0;
	ssize_t got;

	if (sp->children_fd < 0)
		return true;
	while ((got = pread(sp->children_fd, text, sizeof(text), at)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			n += text[i] == ' ';
		at += got;
	}
	return got < 0 || n != sp->children;
}

bool tree_is_empty(struct proc *p)
{
	struct pidvec found = { 0 };
	int populated = cgroup_populated(&p->sp->cgroup, p->ident->name);
	bool empty;

	if (populated >= 0)
		return populated == 0;
	/* What our own child leaves behind becomes our child, since we are a subreaper. */
	if (p->child && !have_stray_children(p->sp))
		return true;
	empty = find_strays(p, &found) == 0 && found.n == 0;
	free(found.pid);
	return empty;
}

static int add_member(struct tree *t, pid_t pid)
{
	struct procfs_stat st;
	struct tree_member *more;
	int r = procfs_stat(pid, &st);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!procfs_stat_alive(&st))
		return 0;
	for (size_t i = 0; i < t->n; i++)
		if (t->member[i].pid == pid)
			return 0;
	more = realloc(t->member, (t->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->member = more;
	t->member[t->n++] = (struct tree_member){ pid, st.start_ticks };
	return 0;
}

int tree_find(struct proc *p, struct tree *ret)
{
	struct tree t = { 0 };
	struct pidvec v = { 0 };
	int r = 0;

	if (p->ref.pid && !p->ended_unseen)
		r = procfs_descendants(p->ref.pid, &v);
	if (r == 0 && cgroup_members(&p->sp->cgroup, p->ident->name, &v) < 0)
		r = find_strays(p, &v);
	for (size_t i = 0; r == 0 && i < v.n; i++)
		r = add_member(&t, v.pid[i]);
	free(v.pid);
	if (r < 0)
		tree_done(&t);
	else
		*ret = t;
	return r;
}

void tree_done(struct tree *t)
{
	free(t->member);
	*t = (struct tree){ 0 };
}

int tree_signal(const struct tree *t, int signo)
{
	int missed = 0;

	for (size_t i = t->n; i-- > 0;) {
		struct pidref ref = PIDREF_NONE;
		int r = pidref_open(t->member[i].pid, t->member[i].start_ticks, &ref);

		if (r < 0 && r != -ESRCH)
			missed = r;
		if (r < 0)
			continue;
		(void)pidref_signal(&ref, signo); /* gone meanwhile, or another user's: as the kernel sees it */
		pidref_done(&ref);
	}
	return missed;
}
