/* tests/unit/test_spawner_policy.c - restart policies, backoff and budget in virtual time: a
 * process is a start, a run of some length, and an end. */
/* links: spawner/policy.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "spawner/policy.h"
#include "tests/unit/run.h"

#define MINUTE_MS 60000u

static struct pt_ident ident;
static struct pt_life life;
static uint64_t now; /* the clock, ns */

static void begin(void)
{
	ident = (struct pt_ident){ .policy = PT_POLICY_ON_FAILURE,
		.restart_delay_ms = 250,
		.restart_max_delay_ms = 30000,
		.restart_limit = 10,
		.restart_window_ms = 5 * MINUTE_MS,
		.stable_ms = 10000 };
	life = (struct pt_life){ .want = 1, .reason = PT_REASON_LAUNCHED };
	now = 3600 * NS_PER_SEC;
}

/* It starts, runs that long, and ends so. */
static struct policy_verdict run_for(uint64_t ms, int wait_status)
{
	life.start_boot_ns = now;
	now += ms * NS_PER_MS;
	life.exit_boot_ns = now;
	life.exit_kind = PT_EXIT_KNOWN;
	life.wait_status = wait_status;
	return policy_after_end(&ident, &life, now);
}

static struct policy_verdict crash_after(uint64_t ms)
{
	return run_for(ms, W_EXITCODE(1, 0));
}

/* The same, with the restart delay waited for. */
static uint64_t crash_and_wait(uint64_t ms)
{
	struct policy_verdict v = crash_after(ms);

	ck_assert_int_eq(v.event, EV_GONE_RETRY);
	now += v.delay_ms * NS_PER_MS;
	return v.delay_ms;
}

/* ---- who is restarted */

static const struct {
	enum pt_policy policy;
	int wait_status;
	enum machine_event event;
	enum pt_reason reason;
} ends[] = {
	{ PT_POLICY_NO, W_EXITCODE(0, 0), EV_GONE_DONE, PT_REASON_EXITED },
	{ PT_POLICY_NO, W_EXITCODE(1, 0), EV_GONE_FAIL, PT_REASON_POLICY },
	{ PT_POLICY_NO, W_EXITCODE(0, SIGKILL), EV_GONE_FAIL, PT_REASON_POLICY },
	{ PT_POLICY_ON_FAILURE, W_EXITCODE(0, 0), EV_GONE_DONE, PT_REASON_EXITED },
	{ PT_POLICY_ON_FAILURE, W_EXITCODE(1, 0), EV_GONE_RETRY, PT_REASON_EXITED },
	{ PT_POLICY_ON_FAILURE, W_EXITCODE(255, 0), EV_GONE_RETRY, PT_REASON_EXITED },
	{ PT_POLICY_ON_FAILURE, W_EXITCODE(0, SIGTERM), EV_GONE_RETRY, PT_REASON_SIGNALED },
	{ PT_POLICY_ON_FAILURE, W_EXITCODE(0, SIGSEGV) | WCOREFLAG, EV_GONE_RETRY,
		PT_REASON_SIGNALED },
	{ PT_POLICY_ALWAYS, W_EXITCODE(0, 0), EV_GONE_RETRY, PT_REASON_EXITED },
	{ PT_POLICY_ALWAYS, W_EXITCODE(7, 0), EV_GONE_RETRY, PT_REASON_EXITED },
	{ PT_POLICY_ALWAYS, W_EXITCODE(0, SIGKILL), EV_GONE_RETRY, PT_REASON_SIGNALED },
};
#define ENDS (int)(sizeof(ends) / sizeof(ends[0]))

START_TEST(policies)
{
	struct policy_verdict v;

	ident.policy = (uint8_t)ends[_i].policy;
	v = run_for(100, ends[_i].wait_status);
	ck_assert_int_eq(v.event, ends[_i].event);
	ck_assert_int_eq(v.reason, ends[_i].reason);
	ck_assert_uint_eq(life.streak, ends[_i].event == EV_GONE_RETRY);
	ck_assert_uint_eq(life.window_count, ends[_i].event == EV_GONE_RETRY);
}
END_TEST

/* An end that nobody saw is no success: it may have been a crash. */
START_TEST(a_lost_end)
{
	struct policy_verdict v;

	run_for(100, 0);
	life.exit_kind = PT_EXIT_LOST;
	v = policy_after_end(&ident, &life, now);
	ck_assert_int_eq(v.event, EV_GONE_RETRY);
	ck_assert_int_eq(v.reason, PT_REASON_LOST);
	ident.policy = PT_POLICY_NO;
	ck_assert_int_eq(policy_after_end(&ident, &life, now).event, EV_GONE_FAIL);
}
END_TEST

/* What was asked for goes before what the policy says, and costs nothing. */
START_TEST(wishes_come_first)
{
	for (ident.policy = 0; ident.policy < PT_POLICY_MAX; ident.policy++) {
		life.want = 0;
		life.again = 1;
		life.reason = PT_REASON_OPERATOR;
		ck_assert_int_eq(crash_after(1).event, EV_GONE_DOWN);
		ck_assert_int_eq(crash_after(1).reason, PT_REASON_OPERATOR);
		life.want = 1;
		ck_assert_int_eq(crash_after(1).event, EV_GONE_AGAIN);
		ck_assert_int_eq(run_for(1, 0).event, EV_GONE_AGAIN);
	}
	ck_assert_uint_eq(life.streak, 0);
	ck_assert_uint_eq(life.window_count, 0);
}
END_TEST

/* ---- backoff */

START_TEST(the_series_of_delays)
{
	static const uint64_t expected[] = { 0, 250, 500, 1000, 2000, 4000, 8000, 16000, 30000,
		30000, 30000 };

	ident.restart_limit = 0;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_uint_eq(crash_and_wait(10), expected[i]);
}
END_TEST

START_TEST(the_cap_counts_from_the_first_delay)
{
	ident.restart_delay_ms = 5000;
	ident.restart_max_delay_ms = 3000;
	ck_assert_uint_eq(crash_and_wait(0), 0);
	ck_assert_uint_eq(crash_and_wait(0), 3000);
	ck_assert_uint_eq(crash_and_wait(0), 3000);
}
END_TEST

START_TEST(extreme_numbers)
{
	ident.restart_limit = 0;
	ident.restart_delay_ms = ident.restart_max_delay_ms = UINT32_MAX;
	life.streak = UINT32_MAX;
	ck_assert_uint_eq(crash_after(0).delay_ms, UINT32_MAX);
	ck_assert_uint_eq(life.streak, UINT32_MAX);
	for (life.streak = 1; life.streak < 200;)
		ck_assert_uint_eq(crash_after(0).delay_ms, UINT32_MAX);
	ident.restart_delay_ms = 0;
	ck_assert_uint_eq(crash_after(0).delay_ms, 0);
}
END_TEST

START_TEST(a_stable_run_resets_the_delay)
{
	ck_assert_uint_eq(crash_and_wait(10), 0);
	ck_assert_uint_eq(crash_and_wait(10), 250);
	ck_assert_uint_eq(crash_and_wait(9999), 500); /* not quite */
	ck_assert_uint_eq(crash_and_wait(10000), 0);  /* that long is stable */
	ck_assert_uint_eq(crash_and_wait(10), 250);
	ck_assert_uint_eq(life.window_count, 5); /* the budget is another matter */
}
END_TEST

START_TEST(stable_after_zero_is_always_stable)
{
	ident.stable_ms = 0;
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(crash_and_wait(0), 0);
}
END_TEST

/* The exit of a process that was found half launched may have been noted before its start was. */
START_TEST(an_end_before_the_start_is_no_stable_run)
{
	life.streak = 3;
	life.start_boot_ns = now;
	life.exit_boot_ns = now - 1;
	life.exit_kind = PT_EXIT_KNOWN;
	life.wait_status = W_EXITCODE(1, 0);
	ck_assert_uint_eq(policy_after_end(&ident, &life, now).delay_ms, 1000);
}
END_TEST

/* ---- budget */

START_TEST(the_budget)
{
	struct policy_verdict v;

	ident.restart_limit = 3;
	for (int i = 0; i < 3; i++)
		crash_and_wait(10);
	v = crash_after(10);
	ck_assert_int_eq(v.event, EV_GONE_FAIL);
	ck_assert_int_eq(v.reason, PT_REASON_BUDGET);
	ck_assert_uint_eq(life.window_count, 3);
}
END_TEST

START_TEST(the_window_moves_on)
{
	ident.restart_limit = 2;
	ident.restart_window_ms = MINUTE_MS;
	ident.stable_ms = 0;
	ck_assert_uint_eq(crash_and_wait(0), 0); /* opens the window */
	crash_and_wait(MINUTE_MS);		 /* exactly its length: still within */
	ck_assert_uint_eq(life.window_count, 2);
	crash_and_wait(1); /* behind it */
	ck_assert_uint_eq(life.window_count, 1);
	crash_and_wait(1);
	ck_assert_int_eq(crash_after(1).event, EV_GONE_FAIL);
}
END_TEST

START_TEST(no_limit)
{
	ident.restart_limit = 0;
	ident.restart_delay_ms = 0;
	for (int i = 0; i < 100000; i++)
		ck_assert_uint_eq(crash_and_wait(0), 0);
}
END_TEST

START_TEST(forgiven)
{
	ident.restart_limit = 1;
	crash_and_wait(0);
	ck_assert_int_eq(crash_after(0).event, EV_GONE_FAIL);
	policy_forgive(&life);
	ck_assert_uint_eq(crash_and_wait(0), 0);
	ck_assert_int_eq(crash_after(0).event, EV_GONE_FAIL);
}
END_TEST

/* ---- launches that fail */

START_TEST(a_failed_launch_with_someone_waiting)
{
	for (ident.policy = 0; ident.policy < PT_POLICY_MAX; ident.policy++) {
		struct policy_verdict v = policy_after_launch(&ident, &life, false, now);

		ck_assert_int_eq(v.event, EV_LAUNCH_FAILED);
		ck_assert_int_eq(v.reason, PT_REASON_LAUNCH);
	}
	ck_assert_uint_eq(life.window_count, 0);
}
END_TEST

START_TEST(a_failed_restart)
{
	static const uint64_t expected[] = { 250, 500, 1000 };
	struct policy_verdict v;

	ident.restart_limit = 3;
	for (unsigned i = 0; i < 3; i++) {
		v = policy_after_launch(&ident, &life, true, now);
		ck_assert_int_eq(v.event, EV_LAUNCH_RETRY);
		ck_assert_int_eq(v.reason, PT_REASON_LAUNCH);
		ck_assert_uint_eq(v.delay_ms, expected[i]);
		now += v.delay_ms * NS_PER_MS;
	}
	v = policy_after_launch(&ident, &life, true, now);
	ck_assert_int_eq(v.event, EV_LAUNCH_FAILED);
	ck_assert_int_eq(v.reason, PT_REASON_BUDGET);
}
END_TEST

START_TEST(a_failed_restart_without_restarts)
{
	ident.policy = PT_POLICY_NO;
	ck_assert_int_eq(policy_after_launch(&ident, &life, true, now).event, EV_LAUNCH_FAILED);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy");

	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_loop_test(t, policies, 0, ENDS);
	tcase_add_test(t, a_lost_end);
	tcase_add_test(t, wishes_come_first);
	tcase_add_test(t, the_series_of_delays);
	tcase_add_test(t, the_cap_counts_from_the_first_delay);
	tcase_add_test(t, extreme_numbers);
	tcase_add_test(t, a_stable_run_resets_the_delay);
	tcase_add_test(t, stable_after_zero_is_always_stable);
	tcase_add_test(t, an_end_before_the_start_is_no_stable_run);
	tcase_add_test(t, the_budget);
	tcase_add_test(t, the_window_moves_on);
	tcase_add_test(t, no_limit);
	tcase_add_test(t, forgiven);
	tcase_add_test(t, a_failed_launch_with_someone_waiting);
	tcase_add_test(t, a_failed_restart);
	tcase_add_test(t, a_failed_restart_without_restarts);
	return run_cases("spawner/policy", t, NULL);
}
