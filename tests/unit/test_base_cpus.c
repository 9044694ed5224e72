/* tests/unit/test_base_cpus.c - base/cpus.c: lists of processors, there and back, and what is
 * none. */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "base/cpus.h"
#include "tests/unit/run.h"

static const char *const good[][2] = { { "0", "0" }, { "all", "all" }, { "0-3", "0-3" },
	{ "8191", "8191" }, { "5,3,4", "3-5" }, { "0,2-3,63-64", "0,2-3,63-64" }, { "007", "7" },
	{ "0-8191", "all" }, { "1-1", "1" } };
#define GOOD (int)(sizeof(good) / sizeof(good[0]))

START_TEST(there_and_back)
{
	struct cpus c;
	char *text;

	ck_assert_int_eq(cpus_parse(good[_i][0], &c), 0);
	text = cpus_print(&c);
	ck_assert_str_eq(text, good[_i][1]);
	free(text);
}
END_TEST

static const char *const bad[] = { "", " ", "-1", "1-", "-", ",", "1,", ",1", "1,,2", "3-1", "8192",
	"0-8192", "99999999999999999999", "1 2", "0x1", "+1", "ALL", "1-2-3", "all,1" };
#define BAD (int)(sizeof(bad) / sizeof(bad[0]))

START_TEST(what_is_none)
{
	struct cpus c;

	ck_assert_msg(cpus_parse(bad[_i], &c) == -EINVAL, "\"%s\" was taken", bad[_i]);
}
END_TEST

START_TEST(of_our_own)
{
	struct cpus none = { 0 }, own;
	cpu_set_t before, one, now;
	size_t first = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(first, &before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_int_eq(cpus_own(&own), 0);
	ck_assert(cpus_is_all(&own) == (CPU_COUNT(&before) == 1) || !cpus_is_all(&own));
	cpus_all(&own);
	ck_assert_int_eq(cpus_apply(&own), 0);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(now), &now), 0);
	ck_assert_int_ge(CPU_COUNT(&now), CPU_COUNT(&before));
	ck_assert_int_eq(cpus_apply(&none), -EINVAL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("cpus");

	tcase_add_loop_test(tc, there_and_back, 0, GOOD);
	tcase_add_loop_test(tc, what_is_none, 0, BAD);
	tcase_add_test(tc, of_our_own);
	return run_cases("base_cpus", tc, NULL);
}
