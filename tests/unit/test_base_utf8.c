/* UTF-8, decoded. */
#include <check.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/unit/run.h"

START_TEST(valid)
{
	ck_assert(utf8_is_valid("") && utf8_is_valid("\xf4\x8f\xbf\xbf") &&
		utf8_is_valid("\xed\x9f\xbf"));
	ck_assert(!utf8_is_valid("\xc0\x80") && !utf8_is_valid("\xed\xa0\x80") &&
		!utf8_is_valid("\xf4\x90\x80\x80") && !utf8_is_valid("a\x80"));
	ck_assert(!utf8_is_valid("\xe0\x80\x80") && !utf8_is_valid("\xf0\x80\x80\x80") &&
		!utf8_is_valid("\xc3"));
}
END_TEST

START_TEST(decoded)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t c;
	} texts[] = { { "a", 1, 'a' }, { "", 1, 0 }, { "\xc3\xa4", 2, 0xe4 },
		{ "\xe2\x80\xae", 3, 0x202e }, { "\xf0\x9f\x9a\x80", 4, 0x1f680 }, { "\xc3", 0, 0 },
		{ "\xf0\x9f\x9a", 0, 0 }, { "\x80", 0, 0 } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t c = 0;

		ck_assert_msg(utf8_decode(texts[i].text, &c) == texts[i].len && c == texts[i].c,
			"%zu", i);
	}
}
END_TEST

START_TEST(cut)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\x80z"; /* a, 2, 3, 4, z */
	static const size_t at[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11 };

	for (size_t len = 0; len < sizeof(text); len++)
		ck_assert_msg(utf8_cut(text, len) == at[len], "%zu", len);
	ck_assert_uint_eq(utf8_cut("a\x80\x80\x80\x80\x80", 5), 5);
}
END_TEST

START_TEST(hidden)
{
	ck_assert(utf8_is_hidden('\n') && utf8_is_hidden(0x7f) && utf8_is_hidden(0x9b) &&
		utf8_is_hidden(0x202e));
	ck_assert(utf8_is_hidden(0x2028) && utf8_is_hidden(0x2066) && !utf8_is_hidden('a') &&
		!utf8_is_hidden(0xa0));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("utf8");

	tcase_add_test(t, valid);
	tcase_add_test(t, decoded);
	tcase_add_test(t, cut);
	tcase_add_test(t, hidden);
	return run_cases("base utf8", t, NULL);
}
