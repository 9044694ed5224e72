/* tests/unit/test_base_moment.c - dates and times read. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/moment.h"
#include "tests/unit/run.h"

static const struct {
	const char *text;
	uint64_t s; /* 0 = no time */
	uint64_t ns;
} times[] = {
	{ "2026-11-23T00:40:56.007607Z", 1795394456, 7607000 },
	{ "2026-11-23T01:32:02Z", 1795397522, 0 },
	{ "2026-11-23T00:40:56.009352+00:00", 1795394456, 9352000 },
	{ "2026-11-23T06:10:56+05:30", 1795394456, 0 },
	{ "2026-11-23T06:10:56+0530", 1795394456, 0 },
	{ "2026-11-22 19:40:56,5-05", 1795394456, 500000000 },
	{ "2025-01-01T00:00:00", 1735689600, 0 },
	{ "2024-02-29T00:00:00Z", 1709164800, 0 },
	{ "2016-12-31T23:59:60Z", 1483228800, 0 },
	{ "2026-11-23T00:40:56.12345678901234567890Z", 1795394456, 123456789 },
	{ "2026-02-29T00:00:00Z", 0, 0 },
	{ "2026-13-01T00:00:00Z", 0, 0 },
	{ "2026-11-23", 0, 0 },
	{ "2026-11-23T24:00:00Z", 0, 0 },
	{ "2026-11-23T00:00:00.Z", 0, 0 },
	{ "2026-11-23T00:00:00Zx", 0, 0 },
	{ "t", 0, 0 },
	{ "", 0, 0 },
};

START_TEST(rfc3339)
{
	uint64_t ns = 7;
	int r = moment_rfc3339(times[_i].text, &ns);

	if (times[_i].s == 0)
		ck_assert_int_eq(r, -EINVAL);
	else
		ck_assert_uint_eq(ns, times[_i].s * NS_PER_SEC + times[_i].ns);
}
END_TEST

START_TEST(other_centuries)
{
	uint64_t ns = 0;

	ck_assert_int_eq(moment_rfc3339("0001-01-01T00:00:00Z", &ns), 0);
	ck_assert_uint_eq(ns, 1);
	ck_assert_int_eq(moment_rfc3339("9999-12-31T23:59:59Z", &ns), 0);
	ck_assert_uint_eq(ns / NS_PER_SEC, 16756761599u);
}
END_TEST

/* How much of a text is a moment: what follows stays for whoever parses lines. */
static const struct {
	const char *text;
	int length, short_length; /* 0 = none */
	bool dated, zoned;
} scans[] = {
	{ "2026-11-24T10:00:30.5Z rest", 22, 22, true, true },
	{ "2026-11-24 10:00:30,123 - x - INFO", 23, 23, true, false },
	{ "2026/11/24 10:00:30 [error]", 19, 19, true, false },
	{ "2026-11-24 10:00:30 +0100 x", 25, 25, true, true },
	{ "2026-11-24 10:00:30 -db", 19, 19, true, false },
	{ "2026-11-24 10:00:30-05 x", 22, 22, true, true },
	{ "2026-11-24 10:00:30 -05 x", 19, 19, true, false },
	{ "2026-11-24 10:00:30-05-worker", 19, 19, true, false },
	{ "10:00:30 x", 8, 8, false, false },
	{ "10:00:30Z", 9, 9, false, true },
	{ "10:00", 0, 5, false, false },
	{ "2026-11-24 10:00", 0, 16, true, false },
	{ "2026-11-24 10:00+01:00", 0, 22, true, true },
	{ "2026-11-24", 0, 10, true, false },
	{ "2026-11-24-1", 0, 0, false, false },
	{ "2026-11-245", 0, 0, false, false },
	{ "2026-11-31 10:00:00", 19, 19, true, false },
	{ "2026-11-32 10:00:00", 0, 0, false, false },
	{ "2026-11/24 10:00:00", 0, 0, false, false },
	{ "10:00:30x", 0, 0, false, false },
	{ "24:00:00", 0, 0, false, false },
	{ "10:60:00", 0, 0, false, false },
	{ "10:00:61", 0, 0, false, false },
	{ "2026-11-24 10:00:30+24:00", 19, 19, true, false },
	{ "", 0, 0, false, false },
};

/* The text ends where memory does, so that a sanitizer sees a look behind it; cut anywhere it may
 * be less, never more than there is. */
static void scan_cut(const char *text, size_t len)
{
	char *own = malloc(len ? len : 1);
	struct moment m;
	const char *behind;

	ck_assert_ptr_nonnull(own);
	memcpy(own, text, len);
	behind = moment_scan(own, own + len, MOMENT_SHORT, &m);
	ck_assert(!behind || (behind > own && behind <= own + len));
	free(own);
}

START_TEST(scan)
{
	const char *text = scans[_i].text, *end = text + strlen(text), *behind;
	struct moment m = { 0 };

	behind = moment_scan(text, end, MOMENT_WHOLE, &m);
	ck_assert_int_eq(behind ? behind - text : 0, scans[_i].length);
	behind = moment_scan(text, end, MOMENT_SHORT, &m);
	ck_assert_int_eq(behind ? behind - text : 0, scans[_i].short_length);
	ck_assert_int_eq(m.dated, scans[_i].dated);
	ck_assert_int_eq(m.zoned, scans[_i].zoned);
	for (size_t len = 0; len < strlen(text); len++)
		scan_cut(text, len);
}
END_TEST

/* Local time agrees with mktime(), also in the hours around a change of the clocks, and whatever
 * was asked before. */
START_TEST(local)
{
	static const struct {
		const char *zone;
		time_t change;
	} zones[] = { { "CET-1CEST,M3.5.0,M10.5.0/3", 1774746000 },
		{ "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 1791041400 } };

	setenv("TZ", zones[_i].zone, 1);
	tzset();
	for (time_t t = zones[_i].change - 14400; t < zones[_i].change + 14400; t += 300) {
		struct tm tm;
		struct moment m = { .dated = true };

		ck_assert_ptr_nonnull(localtime_r(&t, &tm));
		m.year = tm.tm_year + 1900;
		m.month = tm.tm_mon + 1;
		m.day = tm.tm_mday;
		m.hour = tm.tm_hour;
		m.minute = tm.tm_min;
		ck_assert_int_eq(moment_seconds(&m, MOMENT_LOCAL), t);
		ck_assert_int_eq(moment_seconds(&m, MOMENT_UTC), t + tm.tm_gmtoff);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_loop_test(tc, rfc3339, 0, sizeof(times) / sizeof(times[0]));
	tcase_add_test(tc, other_centuries);
	tcase_add_loop_test(tc, scan, 0, sizeof(scans) / sizeof(scans[0]));
	tcase_add_loop_test(tc, local, 0, 2);
	return run_cases("base_moment", tc, NULL);
}
