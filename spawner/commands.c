/*
 * spawner/commands.c - what people ask for, in the order of their tickets. A command is accepted
 * before anything is done for it, so that a spawner that dies in the middle leaves it marked as
 * running, and the next one finishes it: each command here can be begun twice.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "config/spec.h"
#include "spawner/drive.h"
#include "spawner/rows.h"

#define LOCK_RETRY_NS (10 * NS_PER_MS)
/* a logger that died is there again within half a second; one that could not write tries each
 * second */
#define REMOVE_WAIT_NS (5 * NS_PER_SEC)
/* leftover files are nobody's hurry: once for all starts of this time */
#define SWEEP_NS (1 * NS_PER_SEC)

enum { SIGNAL_BEING_SENT = 1, SIGNAL_SENT = 2 }; /* the progress of a SIGNAL */

static struct cause cause_of(const struct pt_command *c)
{
	enum pt_reason reason = PT_REASON_OPERATOR;

	if (c->req.flags & PT_FLAG_RESURRECT)
		reason = PT_REASON_RESURRECT;
	else if (c->req.flags & PT_FLAG_UNHEALTHY)
		reason = PT_REASON_UNHEALTHY;
	else if (c->req.flags & PT_FLAG_LIMIT)
		reason = PT_REASON_LIMIT;
	return (struct cause){ .reason = reason, .by_pid = c->by_pid, .by_uid = c->by_uid };
}

static void refuse(struct spawner *sp, const struct pt_command *c, int code, const char *text)
{
	answer(sp, c->ticket, code, NULL, "%s", text);
}

static void refuse_unknown(struct spawner *sp, const struct pt_command *c)
{
	answer(sp, c->ticket, -ENOENT, NULL, "there is no process named %s", c->req.name);
}

/* Store the spec that came with the command under the process's name. A second pass finds it stored
 * already. */
static int store_spec(struct spawner *sp, const struct pt_command *c)
{
	char file[NAME_MAX_BYTES + 8];

	spec_file_name(c->req.name, file);
	if (renameat(sp->start.home.specs_fd, c->req.spec, sp->start.home.specs_fd, file) == 0)
		return 0;
	return c->running && errno == ENOENT ? 0 : -errno;
}

static int start_ident(
	struct spawner *sp, const struct pt_command *c, struct pt_ident *ret, struct fault *f)
{
	char stored[NAME_MAX_BYTES + 8];
	int r = -ENOENT;

	spec_file_name(c->req.name, stored);
	if (c->req.spec[0])
		r = row_load_ident(sp, c->req.spec, c->req.name, ret, f);
	if (r == -ENOENT && (!c->req.spec[0] || c->running))
		r = row_load_ident(sp, stored, c->req.name, ret, f);
	return r;
}

/* What processes.json does not know by then is up if its specification is there. */
static void want_up(struct proc *p)
{
	if (p->added)
		wishes_note_new(p->sp, p->ident->name);
	else if (!p->life.desired)
		wishes_note(p->sp, p->ident->name, WISH_UP);
	p->life.desired = 1;
	save_now(p->sp);
}

/* A start of what is up already. */
static void start_again(struct proc *p, const struct pt_command *c, const struct pt_ident *ident)
{
	struct cause why = cause_of(c);

	if (ident && ident->spec_hash != p->ident->spec_hash) {
		answer(p->sp, c->ticket, -EEXIST, p,
			"%s already runs another command: %.120s; choose another name with --name",
			p->ident->name, p->ident->command);
		return;
	}
	if (p->life.state == PT_STATE_RUNNING &&
		c->running) { /* it was launched for this command */
		answer_launched(p, c->ticket);
		return;
	}
	if (p->life.state == PT_STATE_RUNNING) {
		answer(p->sp, c->ticket, -EALREADY, p, "%s already runs (pid %d)", p->ident->name,
			p->life.pid);
		return;
	}
	if (answer_later(p, c) < 0) {
		refuse(p->sp, c, -ENOMEM, "out of memory");
		return;
	}
	pt_command_accept(p->sp->pt, c->ticket);
	want_up(p);
	proc_event(p, EV_START, &why);
}

/* A new spec for a row at rest. */
static int renew(struct proc *p, const struct pt_ident *ident)
{
	struct pt_ident next = *ident;
	int r;

	next.gen = p->gen;
	next.created_real_ns = p->ident->created_real_ns;
	next.order = p->sp->next_order;
	r = proc_keep_ident(p, &next);
	if (r < 0)
		return r;
	p->sp->next_order++;
	pt_put_ident(p->sp->pt, p->slot, &next);
	return 0;
}

static void launch_first(struct proc *p, const struct pt_command *c)
{
	struct spawner *sp = p->sp;
	struct cause why = cause_of(c);

	want_up(p);
	p->spec_dirty = true;
	p->spec_syncing = false;
	if (answer_later(p, c) < 0) {
		refuse(sp, c, -ENOMEM, "out of memory");
		return;
	}
	proc_event(p, EV_START, &why);
	p->added = NULL;
	save_now(sp);
	if (p->withdrawn)
		proc_free(p);
}

/*
 * Row and specification: both, or neither. Of a row that is there the specification is stored
 * first, so that the table tells of nothing that is not on the disk. A new row comes before its
 * own: a specification without a row would be taken for that of a process which a lost table held.
 * -EBUSY: come back.
 */
static int start_row(struct spawner *sp, const struct pt_command *c, const struct pt_ident *ident,
	struct proc **p, struct fault *f)
{
	/* A row that exists may hold what ran in an earlier life of the instance; or an earlier
	 * spawner died over this very command. */
	bool exists = *p != NULL, added = !*p || (c->running && c->req.spec[0] && !(*p)->life.life);
	struct cause why = cause_of(c);
	int r = exists ? 0 : row_add(sp, ident, p, f);

	if (r < 0)
		return r;
	if (c->req.spec[0] && (r = store_spec(sp, c)) < 0) {
		fault_errno(f, r, "cannot store the specification of %s", c->req.name);
		return added && row_drop(*p, &why) == -EBUSY ? -EBUSY : r;
	}
	if (exists && (r = renew(*p, ident)) < 0)
		return r;
	if (added)
		(*p)->added = c;
	return 0;
}

static int start(struct spawner *sp, const struct pt_command *c)
{
	struct proc *p = proc_find(sp, c->req.name);
	struct pt_ident ident;
	struct fault f = { "" };
	bool with_spec = c->req.spec[0] != 0;
	int r;

	if (sp->shutting) {
		refuse(sp, c, -ESHUTDOWN, "the instance is being stopped; try again in a moment");
		return 0;
	}
	if (p && proc_is_up(p) && !with_spec) {
		start_again(p, c, NULL);
		return 0;
	}
	r = start_ident(sp, c, &ident, &f);
	/* who resurrects has the name from processes.json: then only the specification is missing
	 * */
	if (r == -ENOENT && !with_spec && !(c->req.flags & PT_FLAG_RESURRECT)) {
		refuse_unknown(sp, c);
		return 0;
	}
	if (r < 0) {
		refuse(sp, c, r, f.text);
		return 0;
	}
	if (p && proc_is_up(p)) {
		start_again(p, c, &ident);
		return 0;
	}
	f.text[0] = 0; /* a second pass did not find the specification under its first name */
	if ((r = room_for(sp, &ident, &f)) < 0) {
		refuse(sp, c, r, f.text);
		return 0;
	}
	pt_command_accept(sp->pt, c->ticket);
	r = start_row(sp, c, &ident, &p, &f);
	if (r == -EBUSY)
		return r;
	if (f.text[0])
		refuse(sp, c, r, f.text);
	else if (r == -ENOSPC)
		answer(sp, c->ticket, r, NULL,
			"the table is full (%u processes): tend remove what is not needed, or tend stop and start with TEND_CAPACITY=%u",
			sp->capacity,
			sp->capacity * 2 < PT_CAPACITY_MAX ? sp->capacity * 2 : PT_CAPACITY_MAX);
	else if (r < 0)
		answer(sp, c->ticket, r, NULL, "cannot add %s: %s", c->req.name, strerror(-r));
	else
		launch_first(p, c);
	return 0;
}

static void set_stop_timeout(const struct proc *p, const struct pt_command *c, struct cause *why)
{
	why->timeout_ms = p->ident->stop_timeout_ms;
	if (c->req.flags & PT_FLAG_TIMEOUT)
		why->timeout_ms = c->req.timeout_ms;
	if (c->req.flags & PT_FLAG_FORCE)
		why->timeout_ms = 0;
}

static void stop(struct spawner *sp, const struct pt_command *c)
{
	struct proc *p = proc_find(sp, c->req.name);
	struct cause why = cause_of(c);

	if (!p) {
		refuse_unknown(sp, c);
		return;
	}
	if (!(c->req.flags & PT_FLAG_KEEP_WANT) && p->life.desired) {
		p->life.desired = 0;
		wishes_note(sp, p->ident->name, WISH_DOWN);
		save_now(sp);
	}
	if (!proc_is_up(p)) {
		answer(sp, c->ticket, c->running ? 0 : -EALREADY, p, "%s does not run (it is %s)",
			p->ident->name, pt_state_label(p->life.state));
		proc_event(p, EV_STOP, &why);
		return;
	}
	if (answer_later(p, c) < 0) {
		refuse(sp, c, -ENOMEM, "out of memory");
		return;
	}
	pt_command_accept(sp->pt, c->ticket);
	if (p->life.state != PT_STATE_STOPPING || !c->running) {
		set_stop_timeout(p, c, &why);
		proc_event(p, EV_STOP, &why);
	}
}

static void restart(struct spawner *sp, const struct pt_command *c)
{
	struct proc *p = proc_find(sp, c->req.name);
	struct cause why = cause_of(c);
	struct fault f = { "" };
	int r;

	if (!p) {
		refuse_unknown(sp, c);
		return;
	}
	if (sp->shutting) {
		refuse(sp, c, -ESHUTDOWN, "the instance is being stopped");
		return;
	}
	if ((c->req.flags & (PT_FLAG_UNHEALTHY | PT_FLAG_LIMIT)) && !p->life.want) {
		refuse(sp, c, -ECANCELED, "someone has stopped it in the meantime");
		return;
	}
	if (c->progress && p->life.life >= c->progress && p->life.state == PT_STATE_RUNNING) {
		answer(sp, c->ticket, 0, p, "%s", ""); /* an earlier spawner did it */
		return;
	}
	/* what runs is not ended for a run that can't be */
	if (p->life.state == PT_STATE_RUNNING && (r = launch_check(p, &f)) < 0) {
		answer(sp, c->ticket, r, p, "not restarted, it runs on: %s", f.text);
		return;
	}
	if (!pt_command_accept(sp->pt, c->ticket) && !c->running)
		return; /* its sender has withdrawn it, for the table seemed lost */
	if (answer_later(p, c) < 0) {
		refuse(sp, c, -ENOMEM, "out of memory");
		return;
	}
	if (!c->progress)
		pt_command_note(sp->pt, c->ticket, (uint64_t)p->life.life + 1);
	want_up(p);
	if (c->running && p->life.state == PT_STATE_STOPPING)
		return; /* on its way: life.again is set */
	set_stop_timeout(p, c, &why);
	proc_event(p, EV_RESTART, &why);
}

static void send_signal(struct spawner *sp, const struct pt_command *c)
{
	struct proc *p = proc_find(sp, c->req.name);
	struct pt_event ev = { .kind = PT_EVENT_SIGNAL,
		.by_pid = c->by_pid,
		.by_uid = c->by_uid,
		.value = c->req.signo };
	struct pidref target = PIDREF_NONE;
	char sig[24];
	int r;

	if (!p) {
		refuse_unknown(sp, c);
		return;
	}
	if (c->progress == SIGNAL_SENT) {
		answer(sp, c->ticket, 0, p, "%s", "");
		return;
	}
	if (c->progress) { /* neither twice nor silently not at all */
		answer(sp, c->ticket, -EINTR, p,
			"the spawner died at the moment of sending; whether %s got the signal is not known",
			p->ident->name);
		return;
	}
	if (!p->ref.pid) {
		answer(sp, c->ticket, -ESRCH, p, "%s does not run (it is %s)", p->ident->name,
			pt_state_label(p->life.state));
		return;
	}
	if (!pt_command_accept(sp->pt, c->ticket) && !c->running)
		return;
	r = pidref_open(p->ref.pid, p->ref.start_ticks, &target);
	if (r == 0) {
		pt_command_note(sp->pt, c->ticket, SIGNAL_BEING_SENT);
		r = pidref_signal(&target, c->req.signo);
		pt_command_note(sp->pt, c->ticket, SIGNAL_SENT);
	}
	pidref_done(&target);
	ev.slot = p->slot;
	ev.gen = p->gen;
	ev.pid = p->ref.pid;
	memcpy(ev.name, p->ident->name, sizeof(ev.name));
	if (r == 0)
		pt_event_add(sp->pt, &ev);
	sp->changed = true;
	answer(sp, c->ticket, r, p, "%s%s", r < 0 ? "cannot send " : "",
		r < 0 ? str_signal_name(c->req.signo, sig) : "");
}

/* With its FIFO goes what lies in it, if the logger is dead just now or could not write: it gets
 * the time to come back. */
static bool waits_for_logger(struct spawner *sp, struct proc *p, const struct pt_command *c)
{
	uint64_t now = clock_boot_ns();

	if (!launch_output_waits(p))
		return false;
	if (sp->removing != c->ticket.number) {
		sp->removing = c->ticket.number;
		sp->remove_at_boot_ns = now + REMOVE_WAIT_NS;
	}
	return now < sp->remove_at_boot_ns;
}

static int forget(struct spawner *sp, const struct pt_command *c)
{
	struct proc *p = proc_find(sp, c->req.name);
	struct cause why = cause_of(c);
	int r;

	if (!p && c->running) {
		refuse(sp, c, 0, "");
		return 0;
	}
	if (!p) {
		refuse_unknown(sp, c);
		return 0;
	}
	if (proc_is_up(p)) {
		answer(sp, c->ticket, -EBUSY, p, "%s is %s; stop it first: tend stop %s",
			p->ident->name, pt_state_label(p->life.state), p->ident->name);
		return 0;
	}
	pt_command_accept(sp->pt, c->ticket);
	if (waits_for_logger(sp, p, c))
		return -EBUSY;
	/* The spec first: a new spawner that finds it, and no row, takes the process for one that a
	 * lost table held. */
	wishes_note(sp, c->req.name, WISH_GONE);
	row_unlink_spec(sp, c->req.name);
	r = row_drop(p, &why);
	if (r == -EBUSY)
		return r;
	save_now(sp);
	answer(sp, c->ticket, r, NULL, "%s", r < 0 ? strerror(-r) : "");
	return 0;
}

/* -EBUSY: the table's lock is held by someone, or output lies in a pipe; come back. */
static int carry_out(struct spawner *sp, const struct pt_command *c)
{
	switch (c->req.kind) {
	case PT_COMMAND_START:
		return start(sp, c);
	case PT_COMMAND_STOP:
		stop(sp, c);
		return 0;
	case PT_COMMAND_RESTART:
		restart(sp, c);
		return 0;
	case PT_COMMAND_SIGNAL:
		send_signal(sp, c);
		return 0;
	case PT_COMMAND_REMOVE:
		return forget(sp, c);
	default:
		refuse(sp, c, -ENOSYS, "this spawner does not know the command");
		return 0;
	}
}

void commands_scan(struct spawner *sp)
{
	struct pt_command c;
	bool with_files = false;
	uint64_t after = 0;

	if (sp->asking) /* what seems to run is gone; it is known in a moment how */
		return;
	/* From the first one each time: while a client fills several, a later one may be seen
	 * before an earlier one. */
	while (pt_command_next(sp->pt, after, &c) == 0) {
		after = c.ticket.number;
		if (c.running && after <= sp->last_ticket && after != sp->busy_ticket)
			continue; /* we have begun it, and it waits for its process */
		with_files |= c.req.spec[0] != 0;
		sp->busy_ticket = 0;
		if (carry_out(sp, &c) == -EBUSY) {
			sp->busy_ticket = after;
			loop_timer_set(
				sp->loop, &sp->commands_retry, clock_boot_ns() + LOCK_RETRY_NS);
			return;
		}
		if (after > sp->last_ticket)
			sp->last_ticket = after;
	}
	/* clients that died before their command was posted may have left some */
	if (with_files && !sp->sweep_timer.at_boot_ns)
		loop_timer_set(sp->loop, &sp->sweep_timer, clock_boot_ns() + SWEEP_NS);
}
