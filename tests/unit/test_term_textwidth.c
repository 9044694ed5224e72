/* Columns of texts on a terminal. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "term/textwidth.h"
#include "tests/unit/run.h"

static const struct {
	const char *text;
	size_t columns;
} texts[] = {
	{ "", 0 }, { "web", 3 }, { "a\xc3\xa4", 2 },   /* two bytes, one column */
	{ "e\xcc\x81", 1 },			       /* an accent that combines */
	{ "\xe6\x97\xa5\xe6\x9c\xac", 4 },	       /* East Asian */
	{ "\xef\xbd\xb1", 1 },			       /* half width */
	{ "\xef\xbc\xa1", 2 },			       /* full width */
	{ "\xf0\x9f\x9a\x80", 2 },		       /* an emoji */
	{ "\xed\x95\x9c", 2 },			       /* Hangul */
	{ "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2 }, /* the same in its parts */
	{ "\xe2\x80\xa6", 1 },			       /* the ellipsis */
	{ "\xe2\x80\x8b", 0 },			       /* a blank of no width */
	{ "\xe2\x9d\xa4\xef\xb8\x8f", 1 },	       /* with a variation selector */
	{ "\xff"
	  "a",
		2 },	   /* no UTF-8 */
	{ "\xe6\x97", 2 }, /* cut short */
};

START_TEST(columns)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(
			textwidth_columns(texts[i].text, strlen(texts[i].text)) == texts[i].columns,
			"%zu: \"%s\" takes %zu", i, texts[i].text,
			textwidth_columns(texts[i].text, strlen(texts[i].text)));
}
END_TEST

START_TEST(cut)
{
	static const char text[] = "a\xe6\x97\xa5"
				   "e\xcc\x81z"; /* 1, 2, 1 with an accent, 1 */

	ck_assert_uint_eq(textwidth_bytes(text, 0), 0);
	ck_assert_uint_eq(textwidth_bytes(text, 1), 1);
	ck_assert_uint_eq(textwidth_bytes(text, 2), 1); /* a wide character is not cut in two */
	ck_assert_uint_eq(textwidth_bytes(text, 3), 4);
	ck_assert_uint_eq(textwidth_bytes(text, 4), 7); /* an accent stays with its letter */
	ck_assert_uint_eq(textwidth_bytes(text, 5), strlen(text));
	ck_assert_uint_eq(textwidth_bytes(text, 1000), strlen(text));
	ck_assert_uint_eq(textwidth_bytes("", 5), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, columns);
	tcase_add_test(t, cut);
	return run_cases("term textwidth", t, NULL);
}
