/*
 * spawner/proc.c - proc_event() is the one door to a new state: it asks the machine, publishes
 * state and event as one (shm/events.h), and carries out the actions. Nothing else writes
 * life.state.
 */
#define _GNU_SOURCE 1
#include "spawner/proc.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "spawner/policy.h"
#include "spawner/stop.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct proc *)a)->ident->name, ((const struct proc *)b)->ident->name);
}

struct proc *proc_find(struct spawner *sp, const char *name)
{
	struct pt_ident ident;
	struct proc key = { .ident = &ident };
	struct proc *const *found;

	strncpy(ident.name, name, sizeof(ident.name) - 1);
	ident.name[sizeof(ident.name) - 1] = 0;
	found = tfind(&key, &sp->by_name, by_name);
	return found ? *found : NULL;
}

struct proc *proc_of_pid(struct spawner *sp, pid_t pid)
{
	for (uint32_t i = 0; i < sp->high; i++)
		if (sp->pid[i] == pid && pid)
			return sp->slot[i];
	return NULL;
}

void proc_note_pid(struct proc *p)
{
	p->sp->pid[p->slot] = p->ref.pid;
}

static void on_timer(void *arg)
{
	struct proc *p = arg;

	/* stop.c wants to try again what an error prevented */
	if (p->life.state == PT_STATE_STOPPING && clock_boot_ns() < p->life.next_boot_ns) {
		loop_timer_set(p->sp->loop, &p->timer, p->life.next_boot_ns);
		stop_resume(p);
		return;
	}
	struct cause why = { .reason = p->life.state == PT_STATE_STOPPING ? PT_REASON_TIMEOUT
									  : PT_REASON_TIMER };

	proc_event(p, EV_TIMEOUT, &why);
}

/* Of a thousand processes most commands are short: the rest of the array would be most of what a
 * record weighs. */
static size_t kept_size(const struct pt_ident *ident)
{
	return offsetof(struct pt_ident, command) +
		strnlen(ident->command, sizeof(ident->command) - 1) + 1;
}

int proc_keep_ident(struct proc *p, const struct pt_ident *ident)
{
	size_t size = kept_size(ident);
	struct pt_ident *kept = malloc(size);

	if (!kept)
		return -ENOMEM;
	memcpy(kept, ident, size);
	((char *)kept)[size - 1] = 0;
	free(p->ident);
	p->ident = kept;
	return 0;
}

struct pt_ident proc_ident(const struct proc *p)
{
	struct pt_ident whole = { .gen = 0 };

	memcpy(&whole, p->ident, kept_size(p->ident));
	return whole;
}

struct proc *proc_new(struct spawner *sp, uint32_t slot, const struct pt_ident *ident)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->sp = sp;
	p->slot = slot;
	p->gen = ident->gen;
	if (proc_keep_ident(p, ident) < 0) {
		free(p);
		return NULL;
	}
	p->life.gen = ident->gen;
	p->ref = p->leftover = (struct pidref)PIDREF_NONE;
	p->keeper_fd = p->keeper_err_fd = -1;
	p->stale_cgroup = true;
	loop_timer_init(&p->timer, on_timer, p);
	if (!tsearch(p, &sp->by_name, by_name)) {
		free(p->ident);
		free(p);
		return NULL;
	}
	sp->slot[slot] = p;
	if (slot >= sp->high)
		sp->high = slot + 1;
	if (ident->order >= sp->next_order)
		sp->next_order = ident->order + 1;
	return p;
}

void proc_free(struct proc *p)
{
	struct spawner *sp = p->sp;

	BUG_ON(p->waiters);
	if (p->asked_until_ns)
		sp->asking--;
	stop_forget(p);
	loop_timer_clear(sp->loop, &p->timer);
	loop_unwatch(sp->loop, p->watch);
	pidref_done(&p->ref);
	proc_note_pid(p);
	io_close(&p->keeper_fd);
	io_close(&p->keeper_err_fd);
	tdelete(p, &sp->by_name, by_name);
	sp->slot[p->slot] = NULL;
	free(p->ident);
	free(p);
}

bool proc_is_up(const struct proc *p)
{
	return !(pt_state_traits(p->life.state) & PT_TRAIT_REST);
}

void proc_publish(struct proc *p)
{
	pt_put_life(p->sp->pt, p->slot, &p->life);
	p->sp->changed = true;
}

/* Of a run that passes before the logger has looked, its life block says nothing any more: the
 * event tells where its bytes begin (logger/runs.c). */
static void tell_first_byte(const struct proc *p, struct pt_event *ev)
{
	const struct pt_life *l = &p->life;
	uint64_t since = ev->boot_ns - l->start_boot_ns;

	ev->value = l->pipe_left | (uint64_t)l->pipe_left_err << 32;
	ev->wait_status = since < INT32_MAX ? (int32_t)since : INT32_MAX;
	pt_event_restore(p->sp->pt, l->event_pos, ev);
}

/* State and event become visible together: see shm/events.h. */
static void enter(struct proc *p, enum pt_state to, const struct cause *why)
{
	struct pt_life *l = &p->life;
	bool had_process = pt_state_traits(l->state) & PT_TRAIT_PID;
	struct pt_event ev = { .kind = PT_EVENT_STATE,
		.slot = p->slot,
		.gen = p->gen,
		.from = l->state,
		.to = (uint8_t)to,
		.reason = (uint8_t)why->reason,
		.pid = l->pid	      ? l->pid
			: had_process ? p->session
				      : 0,
		.by_pid = why->by_pid,
		.by_uid = why->by_uid,
		.value = why->delay_ms };

	memcpy(ev.name, p->ident->name, sizeof(ev.name));
	if (why->reason == PT_REASON_LAUNCH) {
		ev.stage = l->launch_stage;
		ev.wait_status = l->launch_errno;
	} else if (had_process && l->pid == 0) {
		ev.wait_status = l->wait_status;
		ev.exit_kind = l->exit_kind;
	}
	l->event_pos = pt_event_stage(p->sp->pt, &ev);
	if (why->reason == PT_REASON_LAUNCHED)
		tell_first_byte(p, &ev);
	l->state = (uint8_t)to;
	l->reason = (uint8_t)why->reason;
	l->since_real_ns = ev.real_ns;
	l->since_boot_ns = ev.boot_ns;
	proc_publish(p);
	pt_event_publish(p->sp->pt, l->event_pos);
}

static uint64_t deadline_of(const struct proc *p, struct machine_step step, const struct cause *why)
{
	uint64_t now = clock_boot_ns(), before = p->life.next_boot_ns,
		 at = now + why->timeout_ms * NS_PER_MS;

	/* a second stop may hasten the first, but not delay what that was promised */
	if (step.action & ACT_TERM)
		return before && before < at ? before : at;
	if (step.action & ACT_DELAY)
		return now + why->delay_ms * NS_PER_MS;
	return pt_state_traits(step.to) & PT_TRAIT_TIMER ? p->life.next_boot_ns : 0;
}

static void note_wishes(struct proc *p, struct machine_step step)
{
	struct pt_life *l = &p->life;

	if (step.action & ACT_UP) {
		l->want = 1;
		policy_forgive(l);
	}
	if (step.action & ACT_DOWN)
		l->want = l->again = 0;
	if (step.action & ACT_AGAIN)
		l->again = 1;
	if (step.action & ACT_LAUNCH)
		l->again = 0;
}

/*
 * On the way into `starting`: the run is counted, and the cell of its pid is empty, before the
 * state says so. So a new spawner that finds the state knows that a pid in the cell is this run's.
 * An end that nobody was told of yet is published first: the guardian finds the row of a zombie by
 * the cell.
 */
static void count_run(struct proc *p, bool restart)
{
	if (pt_state_traits(p->life.state) & PT_TRAIT_PID)
		proc_publish(p);
	*pt_pid_cell(p->sp->pt, p->slot) = 0;
	p->life.life++;
	p->life.start_ticks = 0;
	p->life.restarts += restart;
	p->restarting = restart;
}

static void run(struct proc *p, const struct cause *why)
{
	struct fault f = { "" };
	bool automatic = why->reason == PT_REASON_TIMER || why->reason == PT_REASON_RESURRECT ||
		why->reason == PT_REASON_ADOPTED;
	struct cause result = {
		.reason = PT_REASON_LAUNCHED, .by_pid = why->by_pid, .by_uid = why->by_uid
	};

	if (launch(p, &f) == 0) {
		proc_event(p, EV_LAUNCHED, &result);
		return;
	}
	struct policy_verdict v = policy_after_launch(
		p->ident, &p->life, automatic, clock_boot_ns());

	say(SAY_WARNING, "%s: %s", p->ident->name, f.text);
	result.reason = v.reason;
	result.delay_ms = v.delay_ms;
	p->launch_fault = f.text;
	proc_event(p, v.event, &result);
	p->launch_fault = NULL;
}

static void act(struct proc *p, struct machine_step step, const struct cause *why)
{
	if (step.action & ACT_TERM)
		stop_begin(p, why->timeout_ms);
	if (step.action & ACT_KILL)
		stop_kill(p);
	if (step.action & (ACT_RESULT | ACT_ALREADY))
		answer_waiters(p);
	if (step.action & ACT_LAUNCH)
		run(p, why);
}

void proc_event(struct proc *p, enum machine_event ev, const struct cause *why)
{
	struct spawner *sp = p->sp;
	struct machine_step step = machine_next(p->life.state, ev);
	bool moved = step.to != p->life.state;

	if (moved && (step.action & ACT_LAUNCH))
		count_run(p, ev == EV_TIMEOUT || ev == EV_GONE_AGAIN);
	note_wishes(p, step);
	p->life.next_boot_ns = deadline_of(p, step, why);
	if (step.action & ACT_TERM) {
		p->life.stop_timeout_ms = why->timeout_ms;
		p->life.asked = 0;
	}
	if (p->life.next_boot_ns)
		loop_timer_set(sp->loop, &p->timer, p->life.next_boot_ns);
	else
		loop_timer_clear(sp->loop, &p->timer);
	if (moved)
		enter(p, step.to, why);
	else if (step.action)
		proc_publish(p);
	act(p, step, why);
	if (moved && sp->shutting)
		spawner_all_rest(sp);
}
