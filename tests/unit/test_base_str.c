/*
 * tests/unit/test_base_str.c - base/str.c, and base/fault.c, which are both about text with an end.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/str.h"
#include "tests/unit/run.h"

START_TEST(copy_fits_and_cuts)
{
	char b[6];

	ck_assert(str_copy(b, sizeof(b), "12345"));
	ck_assert_str_eq(b, "12345");
	ck_assert(!str_copy(b, sizeof(b), "123456"));
	ck_assert_str_eq(b, "12345");
	ck_assert(str_copy(b, sizeof(b), ""));
	ck_assert_str_eq(b, "");
	ck_assert(!str_copy(b, 1, "x"));
	ck_assert_str_eq(b, "");
	b[0] = 'k';
	ck_assert(!str_copy(b, 0, "x"));
	ck_assert_int_eq(b[0], 'k');
}
END_TEST

START_TEST(copy_keeps_utf8_whole)
{
	char b[6];

	ck_assert(!str_copy(b, sizeof(b), "1234\xc3\xa4"));
	ck_assert_str_eq(b, "1234");
	ck_assert(!str_copy(b, sizeof(b),
		"123\xc3\xa4"
		"5"));
	ck_assert_str_eq(b, "123\xc3\xa4");
	ck_assert(!str_copy(b, sizeof(b), "12\xf0\x9f\x98\x80"));
	ck_assert_str_eq(b, "12");
	ck_assert(!str_copy(b, sizeof(b), "\x80\x80\x80\x80\x80\x80\x80")); /* not UTF-8 */
	ck_assert_uint_eq(strlen(b), 5);
}
END_TEST

START_TEST(names)
{
	static const char *const good[] = { "a", "A.b_c-9", "0", "_x", "tend2", "tend.x" };
	static const char *const bad[] = { "", ".a", "-a", "a b", "a/b", "..", "tend", "\xc3\xa4",
		"a\n", "a\x1b[2J" };
	char longest[65];
	struct fault f;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_int_eq(name_check(good[i], &f), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.text[0] = '\0';
		ck_assert_int_eq(name_check(bad[i], &f), -EINVAL);
		ck_assert_uint_gt(strlen(f.text), 0);
		ck_assert_ptr_null(strchr(f.text, '\x1b'));
		ck_assert_ptr_null(strchr(f.text, '\n'));
	}
	memset(longest, 'x', 64);
	longest[64] = '\0';
	ck_assert_int_eq(name_check(longest, NULL), -EINVAL);
	longest[63] = '\0';
	ck_assert_int_eq(name_check(longest, NULL), 0);
	ck_assert_int_eq(name_check(NULL, NULL), -EINVAL);
}
END_TEST

static void sees(const char *in, const char *out)
{
	char b[128];

	ck_assert_uint_eq(str_visible(b, sizeof(b), in), strlen(out));
	ck_assert_str_eq(b, out);
}

START_TEST(visible)
{
	sees("plain \\ text", "plain \\ text");
	sees("a\nb\tc\rd", "a\\nb\\tc\\rd");
	sees("\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f");
	sees("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
	sees("\xc2\x9b"
	     "31m",
		"\\u009b31m");				    /* C1: CSI in one character */
	sees("\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066"); /* overrides and isolates */
	sees("\xe2\x80\x8e\xe2\x80\x8f", "\\u200e\\u200f");
	sees("\xe2\x80\xaa\xe2\x81\xa9", "\\u202a\\u2069");
}
END_TEST

START_TEST(visible_invalid_utf8)
{
	sees("\xff", "\\xff");
	sees("\x80z", "\\x80z");
	sees("\xc3", "\\xc3"); /* cut by the end */
	sees("\xe2\x82z", "\\xe2\\x82z");
	sees("\xc0\xaf", "\\xc0\\xaf"); /* over-long */
	sees("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	sees("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	sees("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	sees("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
}
END_TEST

START_TEST(visible_cuts_between_units)
{
	char b[8];

	ck_assert_uint_eq(str_visible(b, 4, "\x1b"), 0);
	ck_assert_str_eq(b, "");
	ck_assert_uint_eq(str_visible(b, 5, "\x1b"), 4);
	ck_assert_uint_eq(str_visible(b, 3, "a\xc3\xa4"), 1);
	ck_assert_str_eq(b, "a");
	ck_assert_uint_eq(str_visible(b, 4, "a\xc3\xa4"), 3);
	ck_assert_uint_eq(str_visible(b, 1, "abc"), 0);
	ck_assert_uint_eq(str_visible(b, 0, "abc"), 0);
}
END_TEST

START_TEST(integers)
{
	static const char *const bad[] = { "", "-", "+5", " 5", "5 ", "0x5", "5.0", "--5",
		"99999999999999999999x" };
	int64_t v = 77;

	ck_assert_int_eq(str_int("42", 0, 100, &v), 0);
	ck_assert_int_eq(v, 42);
	ck_assert_int_eq(str_int("-42", -42, 100, &v), 0);
	ck_assert_int_eq(v, -42);
	ck_assert_int_eq(str_int("007", 0, 100, &v), 0);
	ck_assert_int_eq(v, 7);
	ck_assert_int_eq(str_int("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
	ck_assert(v == INT64_MAX);
	ck_assert_int_eq(str_int("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	ck_assert(v == INT64_MIN);
	v = 77;
	ck_assert_int_eq(str_int("9223372036854775808", INT64_MIN, INT64_MAX, &v), -ERANGE);
	ck_assert_int_eq(str_int("-9223372036854775809", INT64_MIN, INT64_MAX, &v), -ERANGE);
	ck_assert_int_eq(str_int("184467440737095516160", INT64_MIN, INT64_MAX, &v), -ERANGE);
	ck_assert_int_eq(str_int("101", 0, 100, &v), -ERANGE);
	ck_assert_int_eq(str_int("-1", 0, 100, &v), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(str_int(bad[i], INT64_MIN, INT64_MAX, &v), -EINVAL);
	ck_assert_int_eq(v, 77);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
		{ "30", 30000 },
		{ "1.5s", 1500 },
		{ "500ms", 500 },
		{ "2m", 120000 },
		{ "1m30s", 90000 },
		{ "2h", 7200000 },
		{ "1d", 86400000 },
		{ "0", 0 },
		{ "0s", 0 },
		{ "1.5", 1500 },
		{ "1h0m1s", 3601000 },
		{ "0.1ms", 1 },
		{ "0.5m", 30000 },
		{ "3650d", 315360000000 },
		{ ".5s", 500 },
		{ "1.0000000000000000001s", 1000 },
	};
	static const char *const bad[] = { "", "s", "-1", "-1s", "1x", "1 s", "1m30", "1.s",
		"1..5s", "ms1", "1S", "+1", "1e3", " 1", "1.", "5000dx" };
	static const char *const over[] = { "3651d", "99999999999999999999999", "3650d1ms",
		"999999999999h5s", "2000d2000d" };
	uint64_t ms = 5;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(str_duration_ms(good[i].text, &ms) == 0, "%s", good[i].text);
		ck_assert_msg(ms == good[i].ms, "%s", good[i].text);
	}
	ms = 5;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(str_duration_ms(bad[i], &ms) == -EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		ck_assert_msg(str_duration_ms(over[i], &ms) == -ERANGE, "%s", over[i]);
	ck_assert_uint_eq(ms, 5);
}
END_TEST

START_TEST(signals)
{
	static const char *const bad[] = { "", "0", "-1", "65", "32", "33", "SIG", "TERMX", "SIG15",
		"RTMIN-1", "RTMIN+99", "RTMAX+1", "RTMIN+", "RTMIN+-1", " TERM" };
	static const char *const term[] = { "TERM", "SIGTERM", "term", "sigterm", "15" };
	char b[24];
	int s = 0;

	for (size_t i = 0; i < sizeof(term) / sizeof(term[0]); i++) {
		ck_assert_int_eq(str_signal(term[i], &s), 0);
		ck_assert_int_eq(s, SIGTERM);
	}
	ck_assert_int_eq(str_signal("RTMIN+3", &s), 0);
	ck_assert_int_eq(s, SIGRTMIN + 3);
	ck_assert_int_eq(str_signal("SIGRTMAX-1", &s), 0);
	ck_assert_int_eq(s, SIGRTMAX - 1);
	ck_assert_int_eq(str_signal("CLD", &s), 0);
	ck_assert_int_eq(s, SIGCHLD);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(str_signal(bad[i], &s) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(s, SIGCHLD);
	ck_assert_str_eq(str_signal_name(SIGKILL, b), "SIGKILL");
	ck_assert_str_eq(str_signal_name(77, b), "signal 77");
	ck_assert_str_eq(str_signal_name(0, b), "signal 0");
	ck_assert_str_eq(str_signal_name(INT_MIN, b), "signal -2147483648");
	for (int i = 1; i <= SIGRTMAX; i++) /* every name is understood again */
		if (strncmp(str_signal_name(i, b), "signal", 6)) {
			ck_assert_int_eq(str_signal(b, &s), 0);
			ck_assert_int_eq(s, i);
		}
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 }, { "4096", 4096 }, { "1K", 1024 }, { "64KiB", 65536 },
		{ "1.5MiB", 1572864 }, { "2g", 2ull << 30 }, { "10B", 10 }, { "1TB", 1ull << 40 } };
	static const char *const bad[] = { "", "-1", "K", "1X", "1KiBx", "0x10", " 1", "1 K", "inf",
		"1e3" };
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(str_bytes(good[i].text, &bytes), 0);
		ck_assert_uint_eq(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(str_bytes(bad[i], &bytes) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(str_bytes("100000T", &bytes), -ERANGE);
}
END_TEST

START_TEST(distances)
{
	char far[66];

	ck_assert_uint_eq(str_distance("", ""), 0);
	ck_assert_uint_eq(str_distance("", "abc"), 3);
	ck_assert_uint_eq(str_distance("abc", ""), 3);
	ck_assert_uint_eq(str_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(str_distance("status", "statsu"), 1);
	ck_assert_uint_eq(str_distance("ab", "ba"), 1);
	ck_assert_uint_eq(str_distance("abcd", "badc"), 2);
	ck_assert_uint_eq(str_distance("ca", "abc"), 3); /* nothing is edited twice */
	memset(far, 'x', 65);
	far[65] = '\0';
	ck_assert_uint_gt(str_distance(far, far), 64);
	far[64] = '\0';
	ck_assert_uint_eq(str_distance(far, far), 0);
	ck_assert_uint_eq(str_distance(far, ""), 64);
}
END_TEST

START_TEST(hashes)
{
	ck_assert(str_hash(STR_HASH_SEED, "", 0) == 0xcbf29ce484222325ull);
	ck_assert(str_hash(STR_HASH_SEED, "a", 1) == 0xaf63dc4c8601ec8cull);
	ck_assert(str_hash(STR_HASH_SEED, "foobar", 6) == 0x85944171f73967e8ull);
	ck_assert(str_hash(str_hash(STR_HASH_SEED, "foo", 3), "bar", 3) == 0x85944171f73967e8ull);
}
END_TEST

START_TEST(faults)
{
	char path[2000];
	struct fault f;

	ck_assert_int_eq(fault_set(&f, -EINVAL, "no %s", "good"), -EINVAL);
	ck_assert_str_eq(f.text, "no good");
	ck_assert_int_eq(fault_set(NULL, -EINVAL, "x"), -EINVAL);
	ck_assert_int_eq(fault_errno(&f, -EROFS, "can't write %s", "/x"), -EROFS);
	ck_assert_str_eq(f.text, "can't write /x: Read-only file system");
	ck_assert_int_eq(fault_errno(NULL, -EROFS, "x"), -EROFS);
	fault_errno(&f, -99999, "odd");
	ck_assert_str_eq(f.text, "odd: error -99999");
	for (size_t i = 0; i + 1 < sizeof(path); i += 2)
		memcpy(path + i, "\xc3\xa4", 2);
	path[sizeof(path) - 1] = '\0';
	path[sizeof(path) - 2] = '\0';
	/* the reason survives a long path, and no character is split */
	fault_errno(&f, -EROFS, "%s", path);
	ck_assert_uint_le(strlen(f.text), FAULT_MAX - 1);
	ck_assert_uint_ge(strlen(f.text), FAULT_MAX - 2);
	ck_assert_ptr_nonnull(strstr(f.text, "\xc3\xa4: Read-only file system"));
	fault_set(&f, 0, "%s", path);
	ck_assert_uint_eq(strlen(f.text), FAULT_MAX - 2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, copy_fits_and_cuts);
	tcase_add_test(tc, copy_keeps_utf8_whole);
	tcase_add_test(tc, names);
	tcase_add_test(tc, visible);
	tcase_add_test(tc, visible_invalid_utf8);
	tcase_add_test(tc, visible_cuts_between_units);
	tcase_add_test(tc, integers);
	tcase_add_test(tc, durations);
	tcase_add_test(tc, signals);
	tcase_add_test(tc, distances);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, hashes);
	tcase_add_test(tc, faults);
	return run_cases("base_str", tc, NULL);
}
