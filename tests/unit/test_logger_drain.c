/* tests/unit/test_logger_drain.c - how long a pipe is left to fill. */
/* links: logger/drain_nap.c */
#include <check.h>
#include <stdlib.h>

#include "logger/drain.h"
#include "tests/unit/run.h"

#define PIPE 65536u

START_TEST(naps_follow_the_writer)
{
	/* full: the writer waited */
	ck_assert_uint_eq(drain_nap(1000000, PIPE, PIPE), 500000);
	ck_assert_uint_eq(drain_nap(1000000, PIPE / 4, PIPE), 1000000); /* as it should be */
	ck_assert_uint_eq(drain_nap(1000000, 100, PIPE), 2000000);	/* hardly worth it */
}
END_TEST

START_TEST(naps_have_bounds)
{
	/* it fills faster than we could sleep */
	ck_assert_uint_eq(drain_nap(DRAIN_NAP_MIN_NS, PIPE, PIPE), 0);
	ck_assert_uint_eq(drain_nap(0, PIPE, PIPE), 0);
	ck_assert_uint_eq(drain_nap(0, 100, PIPE), DRAIN_NAP_MIN_NS);
	ck_assert_uint_eq(drain_nap(DRAIN_NAP_MAX_NS, 1, PIPE), DRAIN_NAP_MAX_NS);
	ck_assert_uint_eq(drain_nap(0, PIPE / 4, PIPE), 0);
}
END_TEST

START_TEST(pipes_of_other_sizes)
{
	ck_assert_uint_eq(drain_nap(1000000, 4096, 4096), 500000);
	ck_assert_uint_eq(drain_nap(1000000, 4096, 1u << 20), 2000000);
	ck_assert_uint_eq(drain_nap(1000000, PIPE, 0), 500000); /* size not known */
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("nap");

	tcase_add_test(t, naps_follow_the_writer);
	tcase_add_test(t, naps_have_bounds);
	tcase_add_test(t, pipes_of_other_sizes);
	return run_cases("logger_drain", t, NULL);
}
