/* tests/unit/test_monitor_policy.c - the monitoring policy, the brake and the budget on a virtual
 * clock. */
/* links: monitor/policy.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/policy.h"
#include "tests/unit/run.h"

#define S 1000000000ull

static struct health_policy policy;
static struct policy_state state;

static void setup(void)
{
	struct health_all all;

	health_all_init(&all);
	policy = all.policy;
	memset(&state, 0, sizeof(state));
}

START_TEST(the_defaults_are_the_references)
{
	ck_assert(policy.enabled && !policy.restart_on_failure && policy.alert_on_failure &&
		policy.alert_on_recovery);
	ck_assert_uint_eq(policy.check_interval_s, 0); /* the configuration says it */
	ck_assert_uint_eq(policy.max_restart_attempts, 3);
	ck_assert_uint_eq(policy.restart_cooldown_s, 60);
	ck_assert_uint_eq(policy.health_check_timeout_s, 10);
}
END_TEST

START_TEST(failure_is_told_on_the_edge_only)
{
	ck_assert_uint_eq(policy_check(&policy, &state, 1 * S, false), POLICY_TELL_FAILED);
	ck_assert_uint_eq(policy_check(&policy, &state, 2 * S, false), 0);
	ck_assert_uint_eq(state.failures, 2);
	ck_assert_uint_eq(policy_check(&policy, &state, 3 * S, true), POLICY_TELL_RECOVERED);
	ck_assert_uint_eq(state.previous, 2);
	ck_assert_uint_eq(state.failures, 0);
	ck_assert_uint_eq(policy_check(&policy, &state, 4 * S, true), 0);
}
END_TEST

START_TEST(disabled_and_silent)
{
	policy.enabled = false;
	ck_assert_uint_eq(policy_check(&policy, &state, 1 * S, false), 0);
	ck_assert_int_eq(state.status, POLICY_UNKNOWN);
	policy.enabled = true;
	policy.alert_on_failure = policy.alert_on_recovery = false;
	ck_assert_uint_eq(policy_check(&policy, &state, 1 * S, false), 0);
	ck_assert_uint_eq(policy_check(&policy, &state, 2 * S, true), 0);
}
END_TEST

START_TEST(a_restart_that_worked_makes_no_recovery)
{
	policy.restart_on_failure = true;
	ck_assert_uint_eq(
		policy_check(&policy, &state, 100 * S, false), POLICY_TELL_FAILED | POLICY_RESTART);
	policy_restarted(&state, 101 * S, true);
	ck_assert_uint_eq(state.restarts, 1);
	ck_assert_int_eq(state.status, POLICY_UNHEALTHY);
	ck_assert_uint_eq(policy_check(&policy, &state, 130 * S, true), 0);
	ck_assert_int_eq(state.status, POLICY_HEALTHY);
	ck_assert_uint_eq(state.restarts, 1); /* never reset by health */
}
END_TEST

START_TEST(cooldown_and_failed_restart)
{
	policy.restart_on_failure = true;
	policy_check(&policy, &state, 100 * S, false);
	policy_restarted(&state, 101 * S, false);
	/* tried again at once */
	ck_assert_uint_eq(policy_check(&policy, &state, 102 * S, false), POLICY_RESTART);
	policy_restarted(&state, 103 * S, true);
	ck_assert_uint_eq(policy_check(&policy, &state, 162 * S, false), 0);
	ck_assert_uint_eq(policy_check(&policy, &state, 163 * S, false), POLICY_RESTART);
}
END_TEST

START_TEST(gives_up_after_the_attempts)
{
	policy.restart_on_failure = true;
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert(policy_check(&policy, &state, i * 1000 * S, false) & POLICY_RESTART);
		policy_restarted(&state, i * 1000 * S, true);
	}
	ck_assert_uint_eq(policy_check(&policy, &state, 9000 * S, false), POLICY_TELL_GAVE_UP);
	ck_assert(state.gave_up);
	ck_assert_uint_eq(policy_check(&policy, &state, 9999 * S, false), 0);
	policy_check(&policy, &state, 10000 * S, true);
	ck_assert(!state.gave_up);
}
END_TEST

START_TEST(brake_and_quiet_window)
{
	struct health_all all;
	struct brake b = { 0 };
	unsigned n;

	health_all_init(&all);
	brake_note(&b, 0, 100 * S);
	brake_note(&b, 7, 105 * S);
	brake_note(&b, 7, 110 * S); /* the same once more is no third */
	ck_assert(!brake_holds(&b, &all, 4, 111 * S, &n));
	ck_assert_uint_eq(n, 2);
	brake_note(&b, 1, 120 * S);
	ck_assert(brake_holds(&b, &all, 4, 120 * S, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(brake_holds(&b, &all, 4, 165 * S, &n)); /* not before the window is quiet */
	ck_assert(!brake_holds(&b, &all, 4, 181 * S, &n));
	memset(&b, 0, sizeof(b));
	for (unsigned i = 0; i < 29; i++)
		brake_note(&b, i, 1000 * S);
	ck_assert(!brake_holds(&b, &all, 100, 1001 * S, &n)); /* 30 % of 100 */
	brake_note(&b, 29, 1001 * S);
	ck_assert(brake_holds(&b, &all, 100, 1001 * S, &n));
	/* more than there is room for: the last ones are remembered */
	for (unsigned i = 0; i < 2 * BRAKE_TIMES; i++)
		brake_note(&b, i, 2000 * S + i);
	/* 30 % of 1000 are more than are counted */
	ck_assert(brake_holds(&b, &all, 1000, 2001 * S, &n));
	ck_assert_uint_eq(n, BRAKE_TIMES);
}
END_TEST

START_TEST(budget_is_spent_and_refilled)
{
	struct health_all all;
	struct budget b = { 0 };

	health_all_init(&all);
	all.budget_restarts = 2;
	all.budget_window_s = 100;
	ck_assert(budget_take(&b, &all, 1000 * S));
	ck_assert(budget_take(&b, &all, 1000 * S));
	ck_assert(!budget_take(&b, &all, 1001 * S));
	ck_assert(!budget_take(&b, &all, 1049 * S));
	ck_assert(budget_take(&b, &all, 1051 * S));
	ck_assert_uint_eq(budget_left(&b, &all, 5000 * S), 2000);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("policy");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, the_defaults_are_the_references);
	tcase_add_test(c, failure_is_told_on_the_edge_only);
	tcase_add_test(c, disabled_and_silent);
	tcase_add_test(c, a_restart_that_worked_makes_no_recovery);
	tcase_add_test(c, cooldown_and_failed_restart);
	tcase_add_test(c, gives_up_after_the_attempts);
	tcase_add_test(c, brake_and_quiet_window);
	tcase_add_test(c, budget_is_spent_and_refilled);
	return run_cases("monitor/policy", c, NULL);
}
