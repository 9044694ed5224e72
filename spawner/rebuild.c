/*
 * spawner/rebuild.c - the table from what outlives it: after a reboot, or where the segment was
 * lost while no daemon lived.
 *
 * processes.json says what is desired and who ran, but is up to a second old, or older where the
 * disk is slow. So three things count before it: run/wishes (what was asked for since), the
 * specifications (one that it does not know is of a process that was started since), and the
 * processes that live (found.h): one that runs is never started a second time, nor taken for what a
 * dead one left behind, whatever is written anywhere.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "config/desired.h"
#include "config/spec.h"
#include "spawner/drive.h"
#include "spawner/found.h"
#include "spawner/rows.h"

#define COARSE_NS (20 * NS_PER_MS) /* the times of files are those of the last tick */

static const struct cause adopted = { .reason = PT_REASON_ADOPTED };

struct known {
	struct desired_entry e;
	bool entered;		 /* processes.json has it */
	bool fresh;		 /* it has not, and its specification is newer */
	uint64_t stored_real_ns; /* the specification, of one that is not entered */
	enum wish wish;
};

struct rebuild {
	struct spawner *sp;
	struct known *known;
	size_t n;
	struct found found;
	bool table_is_new, same_boot;
	bool entries; /* there is a processes.json */
	uint64_t as_of_real_ns;
	unsigned added;
};

static struct known *add_known(struct rebuild *b, const char *name)
{
	struct known *more = reallocarray(b->known, b->n + 1, sizeof(*more));

	if (!more)
		return NULL;
	b->known = more;
	more += b->n++;
	*more = (struct known){ .entered = false };
	(void)str_copy(more->e.name, sizeof(more->e.name), name);
	return more;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->e.name, ((const struct known *)b)->e.name);
}

/* Among the first n, sorted by name. */
static struct known *find_known(const struct rebuild *b, size_t n, const char *name)
{
	struct known key = { .entered = false };

	(void)str_copy(key.e.name, sizeof(key.e.name), name);
	return n ? bsearch(&key, b->known, n, sizeof(key), by_name) : NULL;
}

static void sort(struct rebuild *b, int (*order)(const void *, const void *))
{
	if (b->n)
		qsort(b->known, b->n, sizeof(*b->known), order);
}

static void take_wish(void *arg, const char *name, enum wish wish)
{
	struct rebuild *b = arg;
	struct known *k = find_known(b, b->n, name);

	if (k)
		k->wish = wish;
}

/* Specifications that neither table nor processes.json know. */
static void look_at_specs(struct rebuild *b)
{
	size_t entered = b->n;
	int fd = io_open(b->sp->start.home.specs_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char name[NAME_MAX_BYTES];
		struct known *k;
		struct stat st;

		if (!spec_name_of(e->d_name, name) || proc_find(b->sp, name) ||
			find_known(b, entered, name) ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!(k = add_known(b, name)))
			continue;
		k->stored_real_ns = (uint64_t)st.st_ctim.tv_sec * NS_PER_SEC +
			(uint64_t)st.st_ctim.tv_nsec;
		k->fresh = b->as_of_real_ns && k->stored_real_ns + COARSE_NS >= b->as_of_real_ns;
	}
	if (dir)
		closedir(dir);
	else
		io_close(&fd);
}

static int by_order(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->entered != y->entered)
		return y->entered - x->entered;
	if (!x->entered)
		return (x->stored_real_ns > y->stored_real_ns) -
			(x->stored_real_ns < y->stored_real_ns);
	return (x->e.order > y->e.order) - (x->e.order < y->e.order);
}

static void gather(struct rebuild *b)
{
	struct desired d = { .n = 0 };

	if (desired_load(b->sp->start.home.fd, &d, NULL) == 0) {
		b->same_boot = strcmp(d.boot_id, b->sp->boot_id) == 0;
		b->as_of_real_ns = d.as_of_real_ns;
		for (size_t i = 0; i < d.n; i++) {
			struct known *k = proc_find(b->sp, d.entry[i].name)
				? NULL
				: add_known(b, d.entry[i].name);

			if (!k)
				continue;
			k->e = d.entry[i];
			k->entered = true;
		}
		desired_done(&d);
	}
	b->entries = faccessat(b->sp->start.home.fd, DESIRED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	sort(b, by_name);
	look_at_specs(b);
	sort(b, by_name);
	wishes_read(b->sp, take_wish, b);
	sort(b, by_order);
}

static bool was(const struct known *k, enum pt_state state)
{
	return strcmp(k->e.state, pt_state_label(state)) == 0;
}

/* The process as it runs now: the one that was written down, else what is found of this name, which
 * came after it. A process that was written down has to be found as well, or where only we put
 * processes: the file may be a copy of another home's. */
static bool is_alive(
	const struct rebuild *b, const struct known *k, pid_t *pid, uint64_t *start_ticks)
{
	const struct found_process *root;

	if (b->same_boot && k->e.pid > 0 && pid_alive(k->e.pid, k->e.start_ticks) &&
		(found_has(&b->found, k->e.name, k->e.pid) ||
			cgroup_holds(&b->sp->cgroup, k->e.name, k->e.pid))) {
		*pid = k->e.pid;
		*start_ticks = k->e.start_ticks;
		return true;
	}
	root = found_root(&b->found, k->e.name);
	if (!root)
		return false;
	*pid = root->pid;
	*start_ticks = root->start_ticks;
	return true;
}

/* It ran when it was last heard of. If it ended since, nobody saw how; the policy says what is
 * next. */
static void take_up(struct proc *p, pid_t pid, uint64_t start_ticks, bool up)
{
	struct pt_life *l = &p->life;

	p->unproven = true;
	l->want = up;
	l->life = 1;
	l->state = PT_STATE_STARTING;
	l->pid = pid;
	l->start_ticks = start_ticks;
	l->start_boot_ns = start_ticks * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	l->start_real_ns = clock_real_ns() - (clock_boot_ns() - l->start_boot_ns);
	*pt_pid_cell(p->sp->pt, p->slot) = pid;
	proc_event(p, EV_LAUNCHED, &adopted);
	adopt_process(p);
}

static void take_up_living(struct proc *p, const struct known *k, pid_t pid, uint64_t start_ticks)
{
	struct cause why = { .reason = PT_REASON_ADOPTED, .timeout_ms = p->ident->stop_timeout_ms };

	take_up(p, pid, start_ticks, p->life.desired);
	if (p->life.state != PT_STATE_RUNNING)
		return;
	if (!p->life.desired) /* its stop was asked for, and is not over */
		proc_event(p, EV_STOP, &why);
	else if (k->e.pid == pid && strcmp(k->e.state, STATE_RESTARTING) == 0)
		proc_event(p, EV_RESTART, &why);
}

/* The process itself has ended, how is lost. What may be left of its tree is asked to end; then
 * policy, or what was asked for, says what is next. */
static void take_up_ended(struct proc *p, bool again)
{
	struct pt_life *l = &p->life;

	l->want = l->desired;
	l->again = again && l->want;
	l->life = 1;
	l->exit_kind = PT_EXIT_LOST;
	l->exit_boot_ns = l->start_boot_ns = l->since_boot_ns = clock_boot_ns();
	l->exit_real_ns = l->start_real_ns = l->since_real_ns = clock_real_ns();
	l->state = PT_STATE_STOPPING;
	l->reason = PT_REASON_ADOPTED;
	l->stop_timeout_ms = p->ident->stop_timeout_ms;
	l->next_boot_ns = l->exit_boot_ns + l->stop_timeout_ms * NS_PER_MS;
	loop_timer_set(p->sp->loop, &p->timer, l->next_boot_ns);
	proc_publish(p);
	drive_stop_on(p);
}

/* What it waited for is to come now: how long it had still to wait is lost. */
static void take_up_waiting(struct proc *p)
{
	struct pt_life *l = &p->life;

	l->want = 1;
	l->state = PT_STATE_BACKOFF;
	l->reason = PT_REASON_ADOPTED;
	l->since_boot_ns = l->next_boot_ns = clock_boot_ns();
	l->since_real_ns = clock_real_ns();
	loop_timer_set(p->sp->loop, &p->timer, l->next_boot_ns);
	proc_publish(p);
}

static void take_up_resting(struct proc *p, const char *state)
{
	for (unsigned i = 0; i < PT_STATE_MAX; i++)
		if (strcmp(pt_state_label(i), state) == 0 && (pt_state_traits(i) & PT_TRAIT_REST))
			p->life.state = (uint8_t)i;
	proc_publish(p);
}

static void take_up_dead(struct rebuild *b, struct proc *p, const struct known *k)
{
	bool up = p->life.desired;

	if (k->entered ? !b->same_boot : !k->fresh)
		proc_publish(p);
	else if (up && was(k, PT_STATE_BACKOFF))
		take_up_waiting(p);
	else if (strcmp(k->e.state, STATE_RESTARTING) == 0)
		take_up_ended(p, true);
	else if (k->e.pid > 0)
		take_up(p, k->e.pid, k->e.start_ticks, up);
	else if (!k->entered || was(k, PT_STATE_STOPPING) || (up && !k->e.up))
		take_up_ended(p, false);
	else
		take_up_resting(p, up ? k->e.state : "");
}

/* Was it up, as far as anybody knows? */
static bool is_desired(const struct rebuild *b, const struct known *k, bool alive, pid_t pid)
{
	if (k->wish == WISH_UP || k->wish == WISH_DOWN)
		return k->wish == WISH_UP;
	if (k->entered) /* one that runs, and did not when it was to be down, was started since */
		return k->e.up || (alive && k->e.pid != pid && !was(k, PT_STATE_STOPPING));
	return alive || k->fresh ||
		(!b->entries && k->stored_real_ns + clock_boot_ns() >= clock_real_ns());
}

/* Its removal was noted, and may not have been carried out. */
static void finish_removal(struct spawner *sp, const char *name)
{
	row_unlink_spec(sp, name);
	launch_remove_fifos(sp, name);
	cgroup_remove(&sp->cgroup, name);
}

static int make_row(struct rebuild *b, const struct known *k, bool alive, struct proc **ret)
{
	struct spawner *sp = b->sp;
	char file[NAME_MAX_BYTES + 8];
	struct fault f = { "" };
	struct pt_ident ident;
	int r;

	spec_file_name(k->e.name, file);
	if (!alive && !b->table_is_new &&
		faccessat(sp->start.home.specs_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		errno == ENOENT)
		return -ENOENT; /* removed, row and spec already */
	r = row_load_ident(sp, file, k->e.name, &ident, &f);
	if (r == 0)
		r = row_add(sp, &ident, ret, &f);
	if (r == 0)
		return 0;
	say(SAY_WARNING, "%s can't be taken over: %s; its entry in %s is kept", k->e.name,
		f.text[0] ? f.text : strerror(-r), DESIRED_FILE);
	if (k->entered)
		(void)desired_keep(&sp->foreign_entries, &k->e);
	return r;
}

static void take(struct rebuild *b, const struct known *k)
{
	struct cause why = { .reason = PT_REASON_RESURRECT };
	struct proc *p = NULL;
	uint64_t start_ticks = 0;
	pid_t pid = 0;
	bool alive = is_alive(b, k, &pid, &start_ticks);

	if (k->wish == WISH_GONE && !alive) {
		finish_removal(b->sp, k->e.name);
		return;
	}
	if (!k->entered && !alive && !b->table_is_new)
		/* what a first start leaves that failed, if its spawner dies before it has tidied
		 * up */
		return;
	if (make_row(b, k, alive, &p) < 0 || !p)
		return;
	b->added++;
	p->spec_dirty = true;
	p->life.desired = is_desired(b, k, alive, pid);
	if (alive)
		take_up_living(p, k, pid, start_ticks);
	else
		take_up_dead(b, p, k);
	if (p->life.desired && b->sp->resurrect && !proc_is_up(p))
		proc_event(p, EV_START, &why);
}

int rebuild(struct spawner *sp, bool table_is_new, unsigned *n)
{
	struct rebuild b = { .sp = sp, .table_is_new = table_is_new };
	int r = 0;

	gather(&b);
	if (b.n)
		r = found_look(sp, &b.found);
	for (size_t i = 0; r == 0 && i < b.n; i++)
		take(&b, &b.known[i]);
	found_done(&b.found);
	free(b.known);
	/* from now on a specification that is not in it is of a process that was started since; not
	 * synced: the first save will be */
	if (!b.entries)
		(void)desired_save(sp->start.home.fd,
			&(struct desired){ .as_of_real_ns = clock_real_ns() }, IO_NO_SYNC);
	*n += b.added;
	return r;
}
