/*
 * spawner/drive.c - the one door to a new state (spawner/drive.h): asks the machine, publishes
 * state and event as one (shm/events.h), and carries out the actions. Nothing else writes
 * life.state while a spawner runs.
 */
#define _GNU_SOURCE 1
#include "spawner/drive.h"

#include <string.h>

#include "base/clock.h"
#include "base/say.h"
#include "spawner/policy.h"
#include "spawner/shutdown.h"
#include "spawner/stop.h"

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

/* What became of the launch comes next in the queue: nothing else is there. */
static void run(struct proc *p, const struct cause *why)
{
	struct fault *f = &p->sp->launch_fault;
	bool automatic = why->reason == PT_REASON_TIMER || why->reason == PT_REASON_RESURRECT ||
		why->reason == PT_REASON_ADOPTED;
	struct cause result = {
		.reason = PT_REASON_LAUNCHED, .by_pid = why->by_pid, .by_uid = why->by_uid
	};

	f->text[0] = 0;
	if (launch(p, f) == 0) {
		proc_raise(p, EV_LAUNCHED, &result);
		return;
	}
	struct policy_verdict v = policy_after_launch(
		p->ident, &p->life, automatic, clock_boot_ns());

	say(SAY_WARNING, "%s: %s", p->ident->name, f->text);
	result.reason = v.reason;
	result.delay_ms = v.delay_ms;
	p->launch_fault = f->text;
	proc_raise(p, v.event, &result);
}

static void act(struct proc *p, struct machine_step step, const struct cause *why)
{
	if (step.action & ACT_TERM)
		stop_begin(p, why->timeout_ms);
	if (step.action & ACT_KILL)
		stop_kill(p);
	if (step.action & (ACT_RESULT | ACT_ALREADY)) {
		answer_waiters(p);
		p->launch_fault = NULL;
	}
	if (step.action & ACT_LAUNCH)
		run(p, why);
}

/* What machine.h promises of each state. Builds for tests end here, so that no test passes over
 * it; for others a process that is shown wrongly is better than none that is supervised. */
static void check(const struct proc *p, enum machine_event ev)
{
	const char *broken = machine_check(&p->life);

	if (!broken)
		return;
	say(SAY_ERROR, "%s is %s after \"%s\", and that is not so: %s", p->ident->name,
		pt_state_label(p->life.state), machine_event_label(ev), broken);
#ifdef TEND_CHECKED
	BUG_ON(broken);
#endif
}

static void handle(struct proc *p, enum machine_event ev, const struct cause *why)
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
	check(p, ev);
	act(p, step, why);
	if (moved && sp->shutting)
		spawner_all_rest(sp);
}

void proc_settle(struct spawner *sp)
{
	struct queued next;

	if (sp->settling) /* an action of the event in progress: whoever carries it out goes on */
		return;
	sp->settling = true;
	while (queue_take(&sp->queue, &next)) {
		struct proc *p = sp->slot[next.slot];

		if (p && p->gen == next.gen)
			handle(p, next.event, &next.why);
	}
	sp->settling = false;
}

void proc_event(struct proc *p, enum machine_event ev, const struct cause *why)
{
	proc_raise(p, ev, why);
	proc_settle(p->sp);
}

void drive_stop_on(struct proc *p)
{
	stop_resume(p);
	proc_settle(p->sp);
}

void drive_deadline(void *arg)
{
	struct proc *p = arg;

	/* stop.c wants to try again what an error prevented */
	if (p->life.state == PT_STATE_STOPPING && clock_boot_ns() < p->life.next_boot_ns) {
		loop_timer_set(p->sp->loop, &p->timer, p->life.next_boot_ns);
		drive_stop_on(p);
		return;
	}
	struct cause why = { .reason = p->life.state == PT_STATE_STOPPING ? PT_REASON_TIMEOUT
									  : PT_REASON_TIMER };

	proc_event(p, EV_TIMEOUT, &why);
}

void drive_leftover(void *arg, uint32_t events)
{
	struct proc *p = arg;

	(void)events;
	stop_look_again(p);
	proc_settle(p->sp);
}
