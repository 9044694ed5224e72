/*
 * tests/unit/test_spawner_machine.c - every state x event pair of the lifecycle table, against
 * expectations that are written by event and in words, not as another table; what must hold of any
 * table of this kind; what holds in each state.
 */
/* links: spawner/machine.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/machine.h"
#include "tests/unit/run.h"

struct expectation {
	unsigned to, action;
};

static bool rests(unsigned s)
{
	return s == PT_STATE_STOPPED || s == PT_STATE_FAILED || s == PT_STATE_COMPLETED;
}

/* In these a process may exist, so its end may be learned of (starting: by a new spawner that finds
 * the launch half done). */
static bool may_have_process(unsigned s)
{
	return s == PT_STATE_STARTING || s == PT_STATE_RUNNING || s == PT_STATE_STOPPING;
}

static struct expectation same(unsigned s)
{
	return (struct expectation){ s, 0 };
}

/* It shall be up: launched from wherever nothing runs, noted where a launch is under way, said
 * where it runs, put off until a stop is over. */
static struct expectation on_start(unsigned s)
{
	if (s == PT_STATE_RUNNING)
		return (struct expectation){ PT_STATE_RUNNING, ACT_UP | ACT_ALREADY };
	if (s == PT_STATE_STOPPING)
		return (struct expectation){ PT_STATE_STOPPING, ACT_UP | ACT_AGAIN };
	if (s == PT_STATE_STARTING)
		return (struct expectation){ PT_STATE_STARTING, ACT_UP };
	return (struct expectation){ PT_STATE_STARTING, ACT_UP | ACT_LAUNCH };
}

/* As a start, but what runs is stopped first. */
static struct expectation on_restart(unsigned s)
{
	if (s == PT_STATE_RUNNING || s == PT_STATE_STOPPING)
		return (struct expectation){ PT_STATE_STOPPING, ACT_UP | ACT_AGAIN | ACT_TERM };
	return on_start(s);
}

/* It shall be down: signalled where a process runs (again, if asked again), otherwise it is stopped
 * now. */
static struct expectation on_stop(unsigned s)
{
	if (s == PT_STATE_RUNNING || s == PT_STATE_STOPPING)
		return (struct expectation){ PT_STATE_STOPPING, ACT_DOWN | ACT_TERM };
	if (rests(s))
		return (struct expectation){ PT_STATE_STOPPED, ACT_DOWN | ACT_ALREADY };
	return (struct expectation){ PT_STATE_STOPPED, ACT_DOWN | ACT_RESULT };
}

/* The deadline of a stop kills, that of a backoff launches; no other state has one. A new spawner
 * sends it to what the one before it left in `starting`. */
static struct expectation on_timeout(unsigned s)
{
	if (s == PT_STATE_STOPPING)
		return (struct expectation){ PT_STATE_STOPPING, ACT_KILL };
	if (s == PT_STATE_BACKOFF || s == PT_STATE_STARTING)
		return (struct expectation){ PT_STATE_STARTING, ACT_LAUNCH };
	return same(s);
}

/* Only a launch has a result. */
static struct expectation on_launch_result(unsigned s, unsigned to, unsigned more)
{
	return s == PT_STATE_STARTING ? (struct expectation){ to, ACT_RESULT | more } : same(s);
}

static struct expectation on_gone(unsigned s, unsigned to, unsigned more)
{
	return may_have_process(s) ? (struct expectation){ to, ACT_RESULT | more } : same(s);
}

static struct expectation expect(unsigned s, unsigned e)
{
	switch (e) {
	case EV_START:
		return on_start(s);
	case EV_RESTART:
		return on_restart(s);
	case EV_STOP:
		return on_stop(s);
	case EV_TIMEOUT:
		return on_timeout(s);
	case EV_LAUNCHED:
		return on_launch_result(s, PT_STATE_RUNNING, 0);
	case EV_LAUNCH_FAILED:
		return on_launch_result(s, PT_STATE_FAILED, 0);
	case EV_LAUNCH_RETRY:
		return on_launch_result(s, PT_STATE_BACKOFF, ACT_DELAY);
	case EV_LEFTOVERS:
		return s == PT_STATE_RUNNING ? (struct expectation){ PT_STATE_STOPPING, ACT_TERM }
					     : same(s);
	case EV_GONE_DOWN:
		return on_gone(s, PT_STATE_STOPPED, 0);
	case EV_GONE_AGAIN:
		return on_gone(s, PT_STATE_STARTING, ACT_LAUNCH);
	case EV_GONE_RETRY:
		return on_gone(s, PT_STATE_BACKOFF, ACT_DELAY);
	case EV_GONE_DONE:
		return on_gone(s, PT_STATE_COMPLETED, 0);
	case EV_GONE_FAIL:
		return on_gone(s, PT_STATE_FAILED, 0);
	default:
		ck_abort_msg("no expectation for event %u: add one", e);
	}
}

START_TEST(every_pair)
{
	unsigned s = (unsigned)_i;

	for (unsigned e = 0; e < EV_MAX; e++) {
		struct machine_step step = machine_next(s, e);
		struct expectation want = expect(s, e);

		ck_assert_msg(step.to == want.to && step.action == want.action,
			"%s, %s: to %s with actions %#x, expected %s with %#x", pt_state_label(s),
			machine_event_label(e), pt_state_label(step.to), (unsigned)step.action,
			pt_state_label(want.to), want.action);
	}
}
END_TEST

/* What any sound table has: actions fit the state that they lead to, and no state is entered
 * without the deadline that it needs. */
START_TEST(actions_fit_states)
{
	unsigned s = (unsigned)_i;

	for (unsigned e = 0; e < EV_MAX; e++) {
		struct machine_step step = machine_next(s, e);
		bool moved = step.to != s;

		ck_assert_uint_lt(step.to, PT_STATE_MAX);
		if (step.action & ACT_LAUNCH)
			ck_assert_uint_eq(step.to, PT_STATE_STARTING);
		if (step.action & (ACT_TERM | ACT_KILL))
			ck_assert_uint_eq(step.to, PT_STATE_STOPPING);
		if (step.action & ACT_DELAY)
			ck_assert_uint_eq(step.to, PT_STATE_BACKOFF);
		if (moved && step.to == PT_STATE_STARTING)
			ck_assert(step.action & ACT_LAUNCH);
		if (moved && (pt_state_traits(step.to) & PT_TRAIT_TIMER))
			ck_assert(step.action & (ACT_TERM | ACT_DELAY));
		/* Whoever waits hears of every rest and every run. */
		if (moved && !rests(s) && (rests(step.to) || step.to == PT_STATE_RUNNING))
			ck_assert(step.action & ACT_RESULT);
		ck_assert(!((step.action & ACT_UP) && (step.action & ACT_DOWN)));
	}
}
END_TEST

START_TEST(out_of_range)
{
	for (unsigned e = 0; e <= EV_MAX; e++) {
		struct machine_step step = machine_next(PT_STATE_MAX + e, e);

		ck_assert_uint_eq(step.to, PT_STATE_MAX + e);
		ck_assert_uint_eq(step.action, 0);
	}
	for (unsigned s = 0; s < PT_STATE_MAX; s++) {
		ck_assert_uint_eq(machine_next(s, EV_MAX).to, s);
		ck_assert_uint_eq(machine_next(s, EV_MAX).action, 0);
		ck_assert_uint_eq(machine_next(s, 1u << 31).action, 0);
	}
	ck_assert_str_eq(machine_event_label(EV_MAX), "unknown");
	ck_assert_str_eq(machine_event_label(~0u), "unknown");
}
END_TEST

START_TEST(labels_differ)
{
	for (unsigned a = 0; a < EV_MAX; a++) {
		ck_assert_ptr_nonnull(machine_event_label(a));
		ck_assert_str_ne(machine_event_label(a), "unknown");
		for (unsigned b = 0; b < a; b++)
			ck_assert_str_ne(machine_event_label(a), machine_event_label(b));
	}
}
END_TEST

/* Which of the four combinations of pid and deadline each state allows: what the head of machine.h
 * says. */
static const struct {
	unsigned state;
	bool nothing, pid, deadline, both;
} holds[] = {
	{ PT_STATE_STOPPED, true, false, false, false },
	{ PT_STATE_STARTING, true, false, false, false },
	{ PT_STATE_RUNNING, false, true, false, false },
	{ PT_STATE_STOPPING, false, false, true, true },
	{ PT_STATE_BACKOFF, false, false, true, false },
	{ PT_STATE_FAILED, true, false, false, false },
	{ PT_STATE_COMPLETED, true, false, false, false },
};
_Static_assert(sizeof(holds) / sizeof(holds[0]) == PT_STATE_MAX, "a line for every state");

static bool sound(unsigned state, int pid, uint64_t deadline)
{
	struct pt_life l = { .state = (uint8_t)state, .pid = pid, .next_boot_ns = deadline };

	return machine_check(&l) == NULL;
}

START_TEST(what_holds_in_each_state)
{
	unsigned s = holds[_i].state;

	ck_assert_uint_eq(s, (unsigned)_i);
	ck_assert_int_eq(sound(s, 0, 0), holds[_i].nothing);
	ck_assert_int_eq(sound(s, 17, 0), holds[_i].pid);
	ck_assert_int_eq(sound(s, 0, 1), holds[_i].deadline);
	ck_assert_int_eq(sound(s, 17, 1), holds[_i].both);
	ck_assert(!sound(PT_STATE_RUNNING, -1, 0));
}
END_TEST

int main(void)
{
	TCase *pairs = tcase_create("pairs"), *checks = tcase_create("checks");

	tcase_add_loop_test(pairs, every_pair, 0, PT_STATE_MAX);
	tcase_add_loop_test(pairs, actions_fit_states, 0, PT_STATE_MAX);
	tcase_add_test(pairs, out_of_range);
	tcase_add_test(pairs, labels_differ);
	tcase_add_loop_test(checks, what_holds_in_each_state, 0, PT_STATE_MAX);
	return run_cases("spawner/machine", pairs, checks, NULL);
}
