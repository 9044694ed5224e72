/*
 * tests/unit/test_base_clock.c - base/clock.c
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/run.h"

START_TEST(clocks_run)
{
	uint64_t a = clock_boot_ns(), b = clock_boot_ns();

	ck_assert(a > 0);
	ck_assert(b >= a);
	ck_assert(clock_real_ns() / NS_PER_SEC - (uint64_t)time(NULL) + 1 <= 2);
}
END_TEST

START_TEST(rfc3339)
{
	char b[CLOCK_TEXT_MAX];

	ck_assert_str_eq(clock_rfc3339(0, b), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(clock_rfc3339(1795421161123999999ull, b), "2026-11-23T08:06:01.123Z");
	ck_assert_str_eq(clock_rfc3339(UINT64_MAX, b), "2554-07-21T23:34:33.709Z");
	ck_assert_ptr_eq(clock_rfc3339(0, b), b);
}
END_TEST

START_TEST(spans)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "0ms" },
		{ 850 * NS_PER_MS, "850ms" },
		{ NS_PER_SEC - 1, "999ms" },
		{ NS_PER_SEC, "1s" },
		{ 42 * NS_PER_SEC, "42s" },
		{ 60 * NS_PER_SEC, "1m0s" },
		{ 187 * NS_PER_SEC, "3m7s" },
		{ 3600 * NS_PER_SEC, "1h0m0s" },
		{ 3723 * NS_PER_SEC, "1h2m3s" },
		{ 86400 * NS_PER_SEC - 1, "23h59m59s" },
		{ 86400 * NS_PER_SEC, "1d0h" },
		{ (4 * 86400 + 3 * 3600 + 5) * NS_PER_SEC, "4d3h" },
		{ UINT64_MAX, "213503d23h" },
	};
	char b[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(clock_span(cases[i].ns, b), cases[i].text);
}
END_TEST

START_TEST(rough_spans)
{
	static const struct {
		uint64_t s;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 42, "42 s" },
		{ 60, "1 min" },
		{ 179, "3 min" },
		{ 3590, "1 h" },
		{ 3600, "1 h" },
		{ 5399, "1 h" },
		{ 5400, "2 h" },
		{ 86400, "1 d" },
		{ 360000, "4 d" },
	};
	char b[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(clock_rough(cases[i].s * NS_PER_SEC, b), cases[i].text);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, clocks_run);
	tcase_add_test(tc, rfc3339);
	tcase_add_test(tc, spans);
	tcase_add_test(tc, rough_spans);
	return run_cases("base_clock", tc, NULL);
}
