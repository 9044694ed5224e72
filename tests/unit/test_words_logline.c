/* words/logline.h: each form of a line, made safe, and what is remembered from one to the next. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "logread/stream.h"
#include "tests/unit/run.h"
#include "words/logline.h"

static char *text; /* what was written */
static size_t len;
static struct logline l;

static const char *paint(enum tone tone)
{
	static const char *const signs[] = { [TONE_PLAIN] = "<>",
		[TONE_BAD] = "<bad>",
		[TONE_WARNING] = "<warning>",
		[TONE_DIM] = "<dim>",
		[TONE_NAMES] = "<n1>",
		"<n2>",
		"<n3>",
		"<n4>",
		[TONE_LAST] = "<n5>" };

	return signs[tone];
}

static void begin(enum logline_form form)
{
	l = (struct logline){ .form = form, .width = 4 };
	l.to = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(l.to);
}

static struct log_entry entry(const char *stem, const char *line, enum log_level level)
{
	struct log_entry e = { .text = line,
		.len = strlen(line),
		.level = level,
		.stem = stem,
		.time_ns = 1700000000000000000,
		.arrival_ns = 1700000000000000000,
		.has_end = true };

	e.parsed.message = line;
	e.parsed.message_len = e.len;
	return e;
}

static void put(const char *stem, const char *line, enum log_level level)
{
	struct log_entry e = entry(stem, line, level);

	ck_assert_int_eq(logline_write(&l, &e), 0);
}

static void expect(const char *wanted)
{
	ck_assert_int_eq(fclose(l.to), 0);
	ck_assert_str_eq(text, wanted);
	free(text);
}

START_TEST(plain_is_made_safe)
{
	begin(LOGLINE_PLAIN);
	put("web", "caf\xc3\xa9\tis \x1b[31mred\xff\r", LOG_LEVEL_INFO);
	expect("caf\xc3\xa9\tis \\x1b[31mred\\xff\n");
}
END_TEST

START_TEST(too_long_is_counted)
{
	begin(LOGLINE_PLAIN);
	l.most = 4;
	put("web", "ab\xc3\xa9\xc3\xa9z", LOG_LEVEL_INFO);
	put("web", "abcd", LOG_LEVEL_INFO);
	l.most = 5; /* which is within the second character of two bytes */
	put("web", "ab\xc3\xa9\xc3\xa9z", LOG_LEVEL_INFO);
	expect("ab\xc3\xa9 ... (3 bytes more)\nabcd\nab\xc3\xa9 ... (3 bytes more)\n");
}
END_TEST

START_TEST(names_keep_their_tones)
{
	begin(LOGLINE_NAMED);
	l.paint = paint;
	put("a", "1", LOG_LEVEL_INFO);
	put("b@err", "2", LOG_LEVEL_ERROR);
	put("a@file", "3", LOG_LEVEL_DEBUG);
	put("c", "4", LOG_LEVEL_WARNING);
	put("d", "5", LOG_LEVEL_INFO);
	put("e", "6", LOG_LEVEL_INFO);
	put("f", "7", LOG_LEVEL_INFO);
	expect("<n1>a    |<> 1\n"
	       "<n2>b    |<> <bad>2<>\n"
	       "<n1>a    |<> <dim>3<>\n"
	       "<n3>c    |<> <warning>4<>\n"
	       "<n4>d    |<> 5\n"
	       "<n5>e    |<> 6\n"
	       "<n1>f    |<> 7\n");
}
END_TEST

START_TEST(without_a_painter_there_are_no_tones)
{
	begin(LOGLINE_NAMED);
	put("a", "1", LOG_LEVEL_ERROR);
	expect("a    | 1\n");
}
END_TEST

START_TEST(csv_doubles_quotes)
{
	begin(LOGLINE_CSV);
	logline_head(&l);
	put("web@err", "say \"hi\", then \x01", LOG_LEVEL_INFO);
	expect("timestamp,level,name,source,message\n"
	       "2023-11-14T22:13:20.000Z,INFO,web,\"web\",\"say \"\"hi\"\", then \\x01\"\n");
}
END_TEST

START_TEST(only_csv_has_a_head)
{
	begin(LOGLINE_PLAIN);
	logline_head(&l);
	l.form = LOGLINE_JSON;
	logline_head(&l);
	fputs("-", l.to);
	expect("-");
}
END_TEST

START_TEST(json_names_the_stream)
{
	const char *stems[] = { "web", "web@err", "web@file" };
	const char *streams[] = { "\"stream\":\"out\"", "\"stream\":\"err\"",
		"\"stream\":\"file\"" };

	for (size_t i = 0; i < 3; i++) {
		begin(LOGLINE_JSON);
		put(stems[i], "x", LOG_LEVEL_INFO);
		ck_assert_int_eq(fclose(l.to), 0);
		ck_assert_ptr_nonnull(strstr(text, "\"name\":\"web\""));
		ck_assert_ptr_nonnull(strstr(text, streams[i]));
		ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
		free(text);
	}
}
END_TEST

START_TEST(raw_is_byte_for_byte)
{
	struct log_entry open = entry("a", "no end", LOG_LEVEL_INFO);

	open.has_end = false;
	begin(LOGLINE_RAW);
	ck_assert_int_eq(logline_write(&l, &open), 0);
	open = entry("b", "\x1b[31m\xff\n", LOG_LEVEL_INFO);
	open.len--; /* the line and its end lie side by side */
	ck_assert_int_eq(logline_write(&l, &open), 0);
	expect("no end\n\x1b[31m\xff\n");
}
END_TEST

START_TEST(aggregated_has_time_level_and_source)
{
	struct log_entry e = entry("web@err", "2023 ERROR db: it broke", LOG_LEVEL_ERROR);

	e.time_ns = 0;
	e.parsed.source = e.text + 11;
	e.parsed.source_len = 2;
	e.parsed.message = e.text + 15;
	e.parsed.message_len = 8;
	begin(LOGLINE_AGGREGATE);
	ck_assert_int_eq(logline_write(&l, &e), 0);
	e.parsed.source = NULL;
	ck_assert_int_eq(logline_write(&l, &e), 0);
	expect("[--:--:--] ERROR    db: it broke\n[--:--:--] ERROR    web: it broke\n");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, plain_is_made_safe);
	tcase_add_test(t, too_long_is_counted);
	tcase_add_test(t, names_keep_their_tones);
	tcase_add_test(t, without_a_painter_there_are_no_tones);
	tcase_add_test(t, csv_doubles_quotes);
	tcase_add_test(t, only_csv_has_a_head);
	tcase_add_test(t, json_names_the_stream);
	tcase_add_test(t, raw_is_byte_for_byte);
	tcase_add_test(t, aggregated_has_time_level_and_source);
	return run_cases("words logline", t, NULL);
}
