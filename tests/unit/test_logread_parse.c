/*
 * tests/unit/test_logread_parse.c - logread/parse.c: every form that the reference reads, what it
 * does not, and what must not be taken for a level.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "logread/parse.h"
#include "logread/parse_parts.h"
#include "tests/unit/run.h"

#define D LOG_LEVEL_DEBUG
#define I LOG_LEVEL_INFO
#define W LOG_LEVEL_WARNING
#define E LOG_LEVEL_ERROR
#define C LOG_LEVEL_CRITICAL
#define N LOG_LEVEL_NONE

#define NEAR 1735786800ull /* 2025-01-02 03:00 UTC, which is the zone of these tests */
#define NS   1000000000ull
#define T    (1735787045ull * NS) /* 2025-01-02 03:04:05 UTC */
#define MS   1000000ull

static const struct {
	const char *text;
	enum log_level level;
	uint64_t ns;
	const char *source, *message;
} lines[] = {
	/* the reference's own examples */
	{ "{\"timestamp\":\"2025-01-02T03:04:05Z\",\"level\":\"ERROR\",\"source\":\"api\",\"message\":\"x\"}",
		E, T, "api", NULL },
	{ "{\"message\":\"only this\"}", I, 0, NULL, NULL },
	{ "{\"level\":\"warn\",\"message\":\"kept lower case\"}", W, 0, NULL, NULL },
	{ "2025-01-02 03:04:05 - api.v1 - INFO - ready", I, T, "api.v1", "ready" },
	{ "2025-01-02 03:04:05.250 - db - WARNING - slow", W, T + 250 * MS, "db", "slow" },
	{ "2025-01-02 03:04:05-db-notice-no blanks", I, T, NULL, "db-notice-no blanks" },
	{ "2025-01-02 03:04:05-db-error-no blanks", E, T, "db", "no blanks" },
	{ "\033[32mINFO \033[0m 03:04:05\033[0m [cli] up", I, T, "cli", "up" },
	{ "\033[31m\033[1mERROR \033[0m \033[31m03:04:05\033[0m [cli.x] down", E, T, "cli.x",
		"down" },
	{ "\033[33mWARNING\033[0m 03:04:05 \033[0m [a] x", W, T, "a", "x" },
	{ "INFO     03:04:05 [cli.main] hello", I, T, "cli.main", "hello" },
	{ "CRITICAL 03:04:05 [a b] source may hold blanks", C, T, "a b", "source may hold blanks" },
	{ "DEBUG 03:04:05 [x] y", D, T, "x", "y" },
	{ "03:04:05 ERROR disk", E, T, NULL, "disk" },
	{ "03:04:05.5 hello world", I, T + 500 * MS, NULL, "hello world" },
	{ "03:04:05", I, T, NULL, "" },
	/* what it could not read */
	{ "2025-01-02 03:04:05,123 - root - ERROR - comma", E, T + 123 * MS, "root", "comma" },
	{ "2025-01-02 03:04:05,123 ERROR [src] msg", E, T + 123 * MS, "src", "msg" },
	{ "ERROR 2025-01-02 03:04:05 [src] msg", E, T, "src", "msg" },
	{ "2025-01-02 03:04:05 - my-own-agent - DEBUG - dashes", D, T, "my-own-agent", "dashes" },
	{ "2025-01-02T04:04:05+01:00 WARN zone", W, T, NULL, "zone" },
	{ "2025-01-01T22:04:05.000-0500 fatal: lower", C, T, NULL, "lower" },
	{ "2025-01-02T03:04:05.123Z WARNING [spawner] its own", W, T + 123 * MS, "spawner",
		"its own" },
	{ "[2025-01-02 03:04:05] ERROR: in brackets", E, T, NULL, "in brackets" },
	{ "[ERROR] x", E, 0, NULL, "x" },
	{ "WARNING:root:basicConfig", W, 0, "root", "basicConfig" },
	{ "INFO:     127.0.0.1:4 - \"GET /\" 200", I, 0, NULL, "127.0.0.1:4 - \"GET /\" 200" },
	{ "{\"ts\":1735787045.5,\"lvl\":\"debug\",\"msg\":\"m\"}", D, T + 500 * MS, NULL, NULL },
	{ "{\"time\":1735787045250,\"level\":50,\"name\":\"p\"}", E, T + 250 * MS, "p", NULL },
	{ "{\"severity\":\"CRITICAL\",\"time\":\"2025-01-02T03:04:05Z\",\"a\":{\"level\":\"debug\",\"x\":[1,{}]}}",
		C, T, NULL, NULL },
	{ "{\"a\":{\"level\":\"debug\"},\"levelname\":\"ERROR\"}", E, 0, NULL, NULL },
	{ "time=2025-01-02T03:04:05Z level=warn msg=\"a level=error in a message\" logger=web", W,
		T, "web", NULL },
	{ "level=info ts=1735787045 msg=x", I, T, NULL, NULL },
	/* what is not a level, and so continues the entry above */
	{ "Traceback (most recent call last):", N, 0, NULL, NULL },
	{ "  File \"x.py\", line 3, in <module>", N, 0, NULL, NULL },
	{ "ValueError: ERROR in the message", N, 0, NULL, NULL },
	{ "Error handling is enabled", N, 0, NULL, NULL },
	{ "INFORMATION is not INFO", N, 0, NULL, NULL },
	{ "ERRORS: 3", N, 0, NULL, NULL },
	{ "a=b c=d", N, 0, NULL, NULL },
	{ "{\"level\":\"ERROR\"", N, 0, NULL, NULL },
	{ "{ERROR}", N, 0, NULL, NULL },
	{ "{\"level\":\"ERROR\"}}", N, 0, NULL, NULL },
	{ "12:34", N, 0, NULL, NULL },
	{ "99:99:99 ERROR x", N, 0, NULL, NULL },
	{ "", N, 0, NULL, NULL },
	{ "   ", N, 0, NULL, NULL },
	/* a level's name in a message changes nothing */
	{ "2025-01-02 03:04:05 INFO the DEBUG flag caused an ERROR", I, T, NULL,
		"the DEBUG flag caused an ERROR" },
	{ "2025-02-31 03:04:05 INFO no such day", I, 1740971045ull * NS, NULL, "no such day" },
};

START_TEST(every_form)
{
	struct log_line l;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *text = lines[i].text,
			   *message = lines[i].message ? lines[i].message : text;

		parse_line(text, strlen(text), (NEAR + 3600) * NS, &l);
		if (l.level != lines[i].level || l.real_ns != lines[i].ns ||
			l.message_len != strlen(message) ||
			memcmp(l.message, message, l.message_len) != 0 ||
			(l.source != NULL) != (lines[i].source != NULL) ||
			(l.source &&
				(l.source_len != strlen(lines[i].source) ||
					memcmp(l.source, lines[i].source, l.source_len) != 0)))
			ck_abort_msg(
				"\"%s\": level %d, time %llu, source \"%.*s\", message \"%.*s\"",
				text, l.level, (unsigned long long)l.real_ns, (int)l.source_len,
				l.source ? l.source : "", (int)l.message_len, l.message);
	}
}
END_TEST

START_TEST(a_time_alone_is_of_the_day_before_it_was_read)
{
	struct log_line l;

	/* read at 2025-01-02 00:01 */
	parse_line("23:59:59 INFO x", 15, (1735776000ull + 60) * NS, &l);
	ck_assert_uint_eq(l.real_ns, 1735775999ull * NS);
}
END_TEST

/* Where bytes end so that the next one can't be read. */
static char *end_of_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED && mprotect(p + page, page, PROT_NONE) == 0);
	return p + page;
}

/* Every beginning and every single changed byte of every form, where nothing follows that could be
 * read. */
START_TEST(any_bytes_are_taken)
{
	char *end = end_of_memory();
	struct log_line l;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = strlen(lines[i].text);

		for (size_t cut = 0; cut <= len; cut++) {
			char *copy = end - cut;

			memcpy(copy, lines[i].text, cut);
			parse_line(copy, cut, NEAR * NS, &l);
			for (size_t at = 0; cut == len && at < len; at++)
				for (unsigned b = 0; b < 256; b += 5) {
					copy[at] = (char)b;
					parse_line(copy, cut, NEAR * NS, &l);
					if (l.message < copy ||
						l.message + l.message_len > copy + cut)
						ck_abort_msg("message outside of the line");
					copy[at] = lines[i].text[at];
				}
		}
	}
}
END_TEST

START_TEST(words)
{
	ck_assert_int_eq(parse_level_word("Warn", 4), W);
	ck_assert_int_eq(parse_level_word("warning", 7), W);
	ck_assert_int_eq(parse_level_word("FATAL", 5), C);
	ck_assert_int_eq(parse_level_word("NOTICE", 6), N);
	ck_assert_int_eq(parse_level_word("INFO ", 5), N);
	ck_assert_int_eq(parse_level_word("", 0), N);
	ck_assert_str_eq(parse_level_label(C), "CRITICAL");
	ck_assert_str_eq(parse_level_label(N), "");
}
END_TEST

/* What is too large for nanoseconds is not a time, and no other one either. */
START_TEST(numbers_as_times)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} list[] = { { "1774659600", 1774659600000000000 },
		{ "1774659600.25", 1774659600250000000 }, { "1774659600123", 1774659600123000000 },
		{ "1774659600123456", 1774659600123456000 },
		{ "1774659600123456789", 1774659600123456789 },
		{ "18446744072", 18446744072000000000u }, { "18446744074", 0 },
		{ "99999999999", 0 }, { "99999999999999", 0 }, { "18446744074000", 0 },
		{ "99999999999999999", 0 }, { "99999999", 0 } };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		ck_assert_msg(parse_time_number(list[i].text, strlen(list[i].text)) == list[i].ns,
			"%s", list[i].text);
}
END_TEST

/* In a zone where the clocks were put on that night: 23:30 was so many seconds before noon less. */
START_TEST(the_day_before_may_be_short)
{
	uint64_t near = 1774778400ull * NS_PER_SEC, ns = 0; /* 2026-03-29T12:00+02:00 */
	const char *text = "23:30:00";

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	ck_assert_ptr_nonnull(parse_time(text, text + strlen(text), near, &ns));
	ck_assert_uint_eq(ns, 1774737000ull * NS_PER_SEC); /* 2026-03-28T23:30+01:00 */
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	setenv("TZ", "UTC", 1);
	tzset();
	tcase_add_test(t, every_form);
	tcase_add_test(t, a_time_alone_is_of_the_day_before_it_was_read);
	tcase_add_test(t, any_bytes_are_taken);
	tcase_add_test(t, words);
	tcase_add_test(t, numbers_as_times);
	tcase_add_test(t, the_day_before_may_be_short);
	return run_cases("logread/parse", t, NULL);
}
