/* spawner/tree.c - see spawner/tree.h. */
#define _GNU_SOURCE 1
#include "spawner/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/role.h"
#include "base/whose.h"

static int compare_pids(const void *a, const void *b)
{
	const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* The roots of all processes and the daemons, sorted: no strays, whoever their parent is. The locks
 * count beside the table, which may be damaged. */
static int known_pids(struct spawner *sp, struct pidvec *v)
{
	struct pt_daemon d;
	uint64_t start_ticks;
	pid_t pid;

	for (uint32_t i = 0; i < sp->capacity; i++)
		if (sp->slot[i] && sp->slot[i]->ref.pid && pidvec_push(v, sp->slot[i]->ref.pid) < 0)
			return -ENOMEM;
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (pt_read_daemon(sp->pt, role, &d) == 0 && d.pid && pidvec_push(v, d.pid) < 0)
			return -ENOMEM;
		if (role_holder(sp->start.home.run_fd, role, &pid, &start_ticks) == 0 && pid &&
			pidvec_push(v, pid) < 0)
			return -ENOMEM;
	}
	if (pidvec_push(v, getpid()) < 0 || (sp->saver && pidvec_push(v, sp->saver) < 0))
		return -ENOMEM;
	qsort(v->pid, v->n, sizeof(*v->pid), compare_pids); /* never empty: at least ourselves */
	return 0;
}

static bool is_known(const struct pidvec *known, pid_t pid)
{
	return bsearch(&pid, known->pid, known->n, sizeof(pid), compare_pids) != NULL;
}

/* Is the session of this number still the one that the process began? The number is not given out
 * again while a member lives. So it is where we saw its first process, which members can't outlive
 * unseen, unless another process leads it now. */
static bool has_session(const struct proc *p)
{
	struct procfs_stat st;

	return p->session_seen &&
		(p->life.start_ticks == 0 || procfs_stat(p->session, &st) < 0 ||
			st.start_ticks == p->life.start_ticks);
}

/* 1: yes, 0: no, or it is gone, -errno: that is unknown now. */
static int is_stray_of(const struct proc *p, pid_t pid, bool session)
{
	char name[NAME_MAX_BYTES];
	struct procfs_stat st;
	int r = procfs_stat(pid, &st);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!procfs_stat_alive(&st))
		return 0;
	if (session && st.session == p->session)
		return 1;
	r = whose_pid(&p->sp->start.home, pid, name);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	return r == WHOSE_OURS && strcmp(name, p->ident->name) == 0;
}

/*
 * Those who may have become parents of our orphans. Of a process that we have launched, we
 * ourselves: we are a subreaper. Of others also the guardian, whoever adopts above it, and whoever
 * has adopted the process itself.
 */
static int adopters(const struct proc *p, struct pidvec *v)
{
	struct spawner *sp = p->sp;
	struct procfs_stat st;
	int r = pidvec_push(v, getpid());

	if (p->child)
		return r;
	if (r == 0 && sp->guardian.pid)
		r = pidvec_push(v, sp->guardian.pid);
	if (r == 0 && sp->guardian.pid && procfs_stat(sp->guardian.pid, &st) == 0 && st.ppid > 1)
		r = pidvec_push(v, st.ppid);
	if (r == 0 && p->ref.pid && procfs_stat(p->ref.pid, &st) == 0 && st.ppid > 1 &&
		!pidvec_has(v, st.ppid))
		r = pidvec_push(v, st.ppid);
	return r < 0 ? r : pidvec_push(v, 1);
}

struct search { /* through all of /proc */
	const struct proc *p;
	const struct pidvec *known;
	struct pidvec *found;
};

static int visit(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	const struct search *s = arg;
	char name[NAME_MAX_BYTES];
	int r = whose_process(&s->p->sp->start.home, proc_fd, m, name);

	if (r != WHOSE_OURS || strcmp(name, s->p->ident->name) != 0 || is_known(s->known, pid) ||
		pidvec_has(s->found, pid))
		return r < 0 ? r : 0;
	return procfs_descendants(pid, s->found);
}

static int find_strays(struct proc *p, struct pidvec *found)
{
	struct pidvec parents = { 0 }, known = { 0 }, children = { 0 };
	struct search s = { .p = p, .known = &known, .found = found };
	int r = adopters(p, &parents);
	bool hidden = false, session = has_session(p);

	if (r == 0)
		r = known_pids(p->sp, &known);
	/* One that can't be read adds none. Of a dead guardian's children init is the parent, which
	 * hides them from ordinary users where /proc is mounted with hidepid: then whoever shows
	 * our marks or FIFO is looked for. */
	for (size_t i = 0; r == 0 && i < parents.n; i++)
		hidden |= procfs_children(parents.pid[i], 0, &children) < 0 &&
			parents.pid[i] != p->sp->guardian.pid;
	for (size_t i = 0; r == 0 && i < children.n; i++) {
		if (is_known(&known, children.pid[i]))
			continue;
		r = is_stray_of(p, children.pid[i], session);
		if (r > 0)
			r = procfs_descendants(children.pid[i], found);
	}
	if (r == 0 && hidden)
		r = marks_each(visit, &s);
	free(parents.pid);
	free(known.pid);
	free(children.pid);
	return r;
}

/* Children of ours that we neither launched nor forked: somebody's strays. The file lists pids,
 * each followed by a blank. */
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
		/* gone meanwhile, or another user's: as the kernel sees it */
		(void)pidref_signal(&ref, signo);
		pidref_done(&ref);
	}
	return missed;
}
