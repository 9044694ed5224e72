/* spawner/rows.c - rows of the table, added and removed (spawner/rows.h). */
#define _GNU_SOURCE 1
#include "spawner/rows.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "config/spec.h"
#include "shm/lock.h"
#include "shm/wake.h"

#define LOCK_WAIT_MS 2u

static void ident_of(const struct spec *s, struct pt_ident *i)
{
	memset(i, 0, sizeof(*i));
	memcpy(i->name, s->name, sizeof(i->name));
	i->command_cut = (uint8_t)spec_command_text(s, i->command, sizeof(i->command));
	i->spec_hash = spec_hash(s);
	i->stop_timeout_ms = s->stop_timeout_ms;
	i->restart_delay_ms = s->restart_delay_ms;
	i->restart_max_delay_ms = s->restart_max_delay_ms;
	i->restart_window_ms = s->restart_window_ms;
	i->stable_ms = s->stable_ms;
	i->restart_limit = s->restart_limit;
	i->policy = s->policy;
	i->service = s->service;
	i->stop_signal = s->stop_signal;
	i->separate_stderr = s->separate_stderr;
	i->log_rotate_bytes = s->log_rotate_bytes;
	i->log_keep_bytes = s->log_keep_bytes;
	i->log_rotate_age_s = s->log_rotate_age_s;
	i->log_keep_age_s = s->log_keep_age_s;
	i->log_keep_files = s->log_keep_files;
}

/*
 * Take the table's lock. A holder that is alive lets it go within microseconds, so a short wait is
 * worth it; once that was in vain (the holder is stopped), only tries follow until one succeeds, so
 * that supervision is never held up twice. A lock that is lost is the guardian's to replace.
 */
static int lock(struct spawner *sp)
{
	int r = pt_lock(sp->pt, sp->lock_stuck ? 0 : LOCK_WAIT_MS);

	sp->lock_stuck = r < 0;
	if (r == -EBADMSG || r == -ENOTRECOVERABLE)
		bell_ring_kept(&sp->start.home, ROLE_GUARDIAN, &sp->guardian_bell);
	return r < 0 ? -EBUSY : 0;
}

int row_load_ident(struct spawner *sp, const char *file, const char *name, struct pt_ident *ret,
	struct fault *f)
{
	struct spec s = { 0 };
	int r = spec_load(sp->start.home.specs_fd, file, &s, f);

	if (r < 0)
		return r;
	if (strcmp(s.name, name) != 0)
		r = fault_set(f, -EINVAL, "specs/%s is for %s, not for %s", file, s.name, name);
	else
		ident_of(&s, ret);
	spec_done(&s);
	return r;
}

void row_rewrite(struct proc *p, struct pt *pt)
{
	struct pt_ident ident = proc_ident(p);

	pt_put_ident(pt, p->slot, &ident);
	pt_put_life(pt, p->slot, &p->life);
	*pt_pid_cell(pt, p->slot) = p->ref.pid;
	if (pt_gen(pt, p->slot) != p->gen)
		pt_restore(pt, p->slot, p->gen);
}

/* Row, FIFOs and private record, in that order of visibility: FIFOs first, so that whoever sees the
 * row finds them. */
static int make_row(struct spawner *sp, struct pt_ident own, const struct pt_life *life,
	struct proc **ret, struct fault *f)
{
	struct proc *p;
	uint32_t slot = 0, gen = 0;
	int r = lock(sp);

	if (r < 0)
		return r;
	/* we know better: somebody wrote over the table */
	while ((r = pt_free_slot(sp->pt, &slot, &gen)) == 0 && sp->slot[slot])
		row_rewrite(sp->slot[slot], sp->pt);
	pt_unlock(sp->pt);
	if (r < 0)
		return r;
	own.gen = gen;
	own.order = sp->next_order;
	p = proc_new(sp, slot, &own);
	if (!p)
		return -ENOMEM;
	if (life)
		p->life = *life;
	p->life.gen = gen;
	r = launch_make_fifos(p, f);
	if (r == 0) {
		launch_hold(p);
		r = lock(sp);
	}
	if (r < 0) {
		if (f->text[0])
			say(SAY_WARNING, "%s: %s", own.name, f->text);
		proc_free(p);
		return r;
	}
	*pt_pid_cell(sp->pt, slot) = p->life.pid;
	pt_put_ident(sp->pt, slot, &own);
	pt_put_life(sp->pt, slot, &p->life);
	pt_claim(sp->pt, slot); /* only the spawner adds rows: the slot is still free */
	pt_unlock(sp->pt);
	sp->changed = sp->pids_changed = true;
	/* Before it runs and not at the end of this turn: should we die before that, the others
	 * have the output of what we launched. */
	bell_ring_kept(&sp->start.home, ROLE_GUARDIAN, &sp->guardian_bell);
	bell_ring_kept(&sp->start.home, ROLE_LOGGER, &sp->logger_bell);
	bell_ring_kept(&sp->start.home, ROLE_MONITOR, &sp->monitor_bell);
	*ret = p;
	return 0;
}

int row_add(struct spawner *sp, const struct pt_ident *ident, struct proc **ret, struct fault *f)
{
	struct pt_ident own = *ident;
	struct pt_event ev = { .kind = PT_EVENT_ADDED };
	int r;

	own.created_real_ns = clock_real_ns();
	r = make_row(sp, own, NULL, ret, f);
	if (r < 0)
		return r;
	ev.slot = (*ret)->slot;
	ev.gen = (*ret)->gen;
	memcpy(ev.name, own.name, sizeof(ev.name));
	pt_event_add(sp->pt, &ev);
	return 0;
}

int row_restore(struct spawner *sp, const struct pt_ident *ident, const struct pt_life *life,
	struct proc **ret)
{
	struct fault f = { "" };

	return make_row(sp, *ident, life, ret, &f);
}

int row_withdraw(struct proc *p, const struct cause *why)
{
	struct spawner *sp = p->sp;
	struct pt_event ev = { .kind = PT_EVENT_REMOVED,
		.slot = p->slot,
		.gen = p->gen,
		.by_pid = why->by_pid,
		.by_uid = why->by_uid };
	int r;

	/* First what only the row tells of: a new spawner must find it. If the row has to wait for
	 * the lock and is started again, all this is made anew. */
	launch_remove_fifos(sp, p->ident->name);
	cgroup_remove(&sp->cgroup, p->ident->name);
	r = lock(sp);
	if (r < 0)
		return r;
	pt_release(sp->pt, p->slot);
	pt_unlock(sp->pt);
	memcpy(ev.name, p->ident->name, sizeof(ev.name));
	pt_event_add(sp->pt, &ev);
	sp->changed = sp->pids_changed = true;
	p->withdrawn = true;
	return 0;
}

int row_drop(struct proc *p, const struct cause *why)
{
	int r = row_withdraw(p, why);

	if (r == 0)
		proc_free(p);
	return r;
}

void row_unlink_spec(struct spawner *sp, const char *name)
{
	char file[NAME_MAX_BYTES + 8];

	spec_file_name(name, file);
	(void)io_remove(sp->start.home.specs_fd, file, 0);
}

/* A command whose client died may still wait to be carried out: its specification is needed. */
static bool is_awaited(void *arg, const char *file)
{
	struct spawner *sp = arg;
	struct pt_command c;
	uint64_t after = 0;

	while (pt_command_next(sp->pt, after, &c) == 0) {
		after = c.ticket.number;
		if (strcmp(c.req.spec, file) == 0)
			return true;
	}
	return false;
}

void rows_sweep(struct spawner *sp)
{
	io_sweep(sp->start.home.fd, NULL, NULL);
	io_sweep(sp->start.home.run_fd, NULL, NULL);
	io_sweep(sp->start.home.specs_fd, is_awaited, sp);
}
