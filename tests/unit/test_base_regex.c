/* Regular expressions as people write them. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/regex.h"
#include "tests/unit/run.h"

static bool matches(const char *expression, const char *text)
{
	struct fault f = { "" };
	regex_t re;
	bool found;

	ck_assert_msg(regex_compile(&re, expression, 0, &f) == 0, "%s: %s", expression, f.text);
	found = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

START_TEST(escapes)
{
	static const struct {
		const char *expression, *yes, *no;
	} cases[] = {
		{ "^\\d+$", "4711", "ddd" },
		{ "^\\D$", "d", "4" },
		{ "^\\w+$", "a_1", "a-1" },
		{ "^a\\sb$", "a b", "asb" },
		{ "^\\S$", "s", " " },
		{ "^[\\d.]+$", "4.7", "d.d" },
		{ "^[^\\d]$", "d", "4" },
		{ "^[\\w-]+$", "a_1-2", "a.b" },
		{ "^[\\s,]$", " ", "s" },
		{ "^a\\tb$", "a\tb", "atb" },
		{ "^[\\t]$", "\t", "t" },
		{ "^\\.$", ".", "x" },
		{ "^[\\.]$", ".", "\\" },
		{ "^[\\]]$", "]", "\\]" },
		{ "^[a\\-z]+$", "a-z", "m" },
		{ "^[\\^a]$", "^", "b" },
		{ "^[\\\\]$", "\\", "a" },
		{ "^[]a]+$", "]a", "b" },
		{ "^[^]a]$", "b", "]" },
		{ "^[[:digit:]\\s]+$", "1 2", "d" },
		{ "\\bin\\b", "is in it", "thin" },
		{ "^(a)\\1$", "aa", "ab" },
		{ "^\\\\d$", "\\d", "4" },
		{ "^\xc3\xa4\\\xc3\xb6$", "\xc3\xa4\xc3\xb6", "\xc3\xa4" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(matches(cases[i].expression, cases[i].yes), "%s: %s",
			cases[i].expression, cases[i].yes);
		ck_assert_msg(!matches(cases[i].expression, cases[i].no), "%s: not %s",
			cases[i].expression, cases[i].no);
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const expressions[] = { "\\p{L}", "\\x41", "\\z", "[\\D]", "[\\b]",
		"[\\q]", "a\\", "[a\\", "[a", "[", "[^", "[\\]", "(", "\\0" };

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct fault f = { "" };
		regex_t re;

		ck_assert_msg(regex_compile(&re, expressions[i], 0, &f) == -EINVAL && f.text[0],
			"%s", expressions[i]);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("regex");

	tcase_add_test(t, escapes);
	tcase_add_test(t, refused);
	return run_cases("base regex", t, NULL);
}
