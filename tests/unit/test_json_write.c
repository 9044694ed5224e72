/* json/write.h: what is written is what cJSON reads, and lies on the page as cJSON's own. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json/tree.h"
#include "json/write.h"
#include "tests/unit/run.h"

static void write_all(struct json_out *o)
{
	json_open(o, NULL, '{');
	json_text(o, "name", "web \"1\" \\ \t\xe6\x97\xa5");
	json_text(o, "nothing", NULL);
	json_open(o, "empty", '{');
	json_close(o);
	json_open(o, "none", '[');
	json_close(o);
	json_open(o, "list", '[');
	json_int(o, NULL, -3);
	json_bool(o, NULL, true);
	json_open(o, NULL, '{');
	json_u64(o, "big", UINT64_MAX);
	json_open(o, "inner", '{');
	json_seconds(o, "s", UINT64_C(1500999999));
	json_close(o);
	json_close(o);
	json_open(o, NULL, '{');
	json_close(o);
	json_close(o);
	json_time(o, "at", UINT64_C(1000000000000000000));
	json_time(o, "never", 0);
	json_raw(o, "raw", "[1]", 3);
	json_number(o, "half", 0.5);
	json_close(o);
}

START_TEST(one_line)
{
	struct json_out o = { .one_line = true };

	write_all(&o);
	ck_assert_int_eq(json_end(&o), 0);
	ck_assert_str_eq(o.text,
		"{\"name\":\"web \\\"1\\\" \\\\ \\t\xe6\x97\xa5\",\"nothing\":null,\"empty\":{},\"none\":[],"
		"\"list\":[-3,true,{\"big\":18446744073709551615,\"inner\":{\"s\":1.5}},{}],"
		"\"at\":\"2001-09-09T01:46:40.000Z\",\"never\":null,\"raw\":[1],\"half\":0.5}");
	json_free(&o);
	ck_assert_ptr_null(o.text);
}
END_TEST

START_TEST(pages)
{
	struct json_out o = { 0 };

	write_all(&o);
	ck_assert_int_eq(json_end(&o), 0);
	ck_assert_str_eq(o.text,
		"{\n"
		"  \"name\": \"web \\\"1\\\" \\\\ \\t\xe6\x97\xa5\",\n"
		"  \"nothing\": null,\n"
		"  \"empty\": {},\n"
		"  \"none\": [],\n"
		"  \"list\": [-3, true, {\n"
		"      \"big\": 18446744073709551615,\n"
		"      \"inner\": {\n"
		"        \"s\": 1.5\n"
		"      }\n"
		"    }, {}],\n"
		"  \"at\": \"2001-09-09T01:46:40.000Z\",\n"
		"  \"never\": null,\n"
		"  \"raw\": [1],\n"
		"  \"half\": 0.5\n"
		"}");
	json_free(&o);
}
END_TEST

/* Every byte, alone and between others, and every way in which UTF-8 can be wrong. */
START_TEST(any_text)
{
	for (unsigned first = 1; first < 256; first++)
		for (unsigned second = 0; second < 256; second++) {
			char text[] = { 'a', (char)first, (char)second, 'z', 0 };
			struct json_out o = { .one_line = true };
			cJSON *back;

			json_text(&o, NULL, text);
			ck_assert_int_eq(json_end(&o), 0);
			back = cJSON_Parse(o.text);
			ck_assert_msg(cJSON_IsString(back), "%02x %02x: %s", first, second, o.text);
			if (first < 0x80 && second < 0x80)
				ck_assert_str_eq(back->valuestring, text);
			for (const char *p = o.text; *p; p++)
				ck_assert_msg((unsigned char)*p >= 0x20 && *p != 0x7f, "%02x %02x",
					first, second);
			cJSON_Delete(back);
			json_free(&o);
		}
}
END_TEST

START_TEST(nothing_for_a_terminal)
{
	struct json_out o = { .one_line = true };

	json_text(&o, NULL, "\x1b[2J\xc2\x9b\x7f\xe2\x80\xae\xe2\x80\xa8\xff");
	ck_assert_str_eq(o.text, "\"\\u001b[2J\\u009b\\u007f\\u202e\\u2028\xef\xbf\xbd\"");
	json_free(&o);
}
END_TEST

START_TEST(numbers)
{
	static const double values[] = { 0, 1, -1, 0.1, 1e15, 123456789012345678.0, 1e300, 0.25,
		2.0 / 3 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct json_out o = { 0 };

		json_number(&o, NULL, values[i]);
		ck_assert_msg(strtod(o.text, NULL) == values[i], "%s", o.text);
		json_free(&o);
	}
}
END_TEST

/* Bytes with NUL among them, cut anywhere: nothing behind the end is looked at. */
START_TEST(bytes)
{
	static const char text[] = "a\0b\xc3\xa9\xe2\x80\xae\xf0\x9f\x98\x80";

	for (size_t len = 0; len < sizeof(text); len++) {
		struct json_out o = { .one_line = true };
		char *exact = malloc(len + 1); /* a sanitizer sees a step beyond */
		cJSON *back;

		ck_assert_ptr_nonnull(exact);
		exact = realloc(exact, len ? len : 1);
		memcpy(exact, text, len);
		json_bytes(&o, NULL, exact, len);
		back = cJSON_Parse(o.text);
		ck_assert_msg(cJSON_IsString(back), "%s", o.text);
		if (len == 3)
			ck_assert_str_eq(o.text,
				"\"a\xef\xbf\xbd"
				"b\"");
		if (len == 4)
			ck_assert_str_eq(o.text,
				"\"a\xef\xbf\xbd"
				"b\xef\xbf\xbd\"");
		if (len == 8)
			ck_assert_str_eq(o.text,
				"\"a\xef\xbf\xbd"
				"b\xc3\xa9\\u202e\"");
		cJSON_Delete(back);
		free(exact);
		json_free(&o);
	}
}
END_TEST

START_TEST(seconds)
{
	static const uint64_t ms[] = { 0, 1, 10, 100, 999, 1000, 1001, 1010, 1100, 59999,
		UINT64_MAX / 1000000 };

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		struct json_out o = { 0 }, same = { 0 };

		json_seconds(&o, NULL, ms[i] * 1000000);
		json_number(&same, NULL, (double)ms[i] / 1000.0);
		ck_assert_str_eq(o.text, same.text);
		json_free(&o);
		json_free(&same);
	}
}
END_TEST

START_TEST(integers)
{
	struct json_out o = { .one_line = true };

	json_open(&o, NULL, '[');
	json_int(&o, NULL, INT64_MIN);
	json_int(&o, NULL, INT64_MAX);
	json_int(&o, NULL, 0);
	json_u64(&o, NULL, UINT64_MAX);
	json_close(&o);
	ck_assert_str_eq(
		o.text, "[-9223372036854775808,9223372036854775807,0,18446744073709551615]");
	json_free(&o);
}
END_TEST

/* What cJSON read it would write itself in the same words; as deep as it reads. */
START_TEST(trees)
{
	static const char text[] =
		"{\"a\":[1,-0.5,1e+300,-3,true,false,null,\"x\\n\",{},[]],\"b\":{\"c\":123456789012}}";
	char deep[2 * CJSON_NESTING_LIMIT + 1] = "";
	const char *const texts[] = { text, deep, "-0" };

	memset(deep, '[', CJSON_NESTING_LIMIT - 1);
	memset(deep + CJSON_NESTING_LIMIT - 1, ']', CJSON_NESTING_LIMIT - 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json_out o = { .one_line = true };
		cJSON *tree = cJSON_Parse(texts[i]);
		char *own = cJSON_PrintUnformatted(tree);

		ck_assert_ptr_nonnull(own);
		json_tree(&o, NULL, tree);
		ck_assert_int_eq(json_end(&o), 0);
		ck_assert_str_eq(o.text, own);
		json_free(&o);
		cJSON_Delete(tree);
		free(own);
	}
}
END_TEST

START_TEST(for_programs)
{
	struct json_out o = { .one_line = true, .plain = true };
	char *text;

	json_open(&o, NULL, '{');
	json_text(&o, "s", "\"\\\n\x01\x7f\xe2\x80\xae");
	json_raw(&o, NULL, "\"a\":1,\"b\":2", 11);
	json_fixed(&o, "t", 1.5, 3);
	json_fixed(&o, "n", 0.5 / 0.0, 3);
	ck_assert_ptr_null(json_take(&o)); /* not whole: it is freed */
	json_open(&o, NULL, '{');
	json_text(&o, "s", "x");
	json_close(&o);
	text = json_take(&o);
	ck_assert_ptr_nonnull(text);
	ck_assert(!o.text && !o.len);
	free(text);

	o = (struct json_out){ .one_line = true, .plain = true };
	json_open(&o, NULL, '{');
	json_text(&o, "s", "\"\\\n\x01\x7f\xe2\x80\xae");
	json_raw(&o, NULL, "\"a\":1,\"b\":2", 11);
	json_fixed(&o, "t", 1.5, 3);
	json_close(&o);
	ck_assert_str_eq(o.text,
		"{\"s\":\"\\\"\\\\\\u000a\\u0001\x7f\xe2\x80\xae\",\"a\":1,\"b\":2,\"t\":1.500}");
	json_free(&o);
}
END_TEST

START_TEST(longest)
{
	struct json_out o = { .max = 6 };

	json_text(&o, NULL, "four");
	ck_assert_int_eq(json_end(&o), 0);
	json_free(&o);
	o.max = 5;
	json_text(&o, NULL, "four");
	ck_assert_int_eq(json_end(&o), -EFBIG);
	json_free(&o);
}
END_TEST

START_TEST(failures)
{
	struct json_out o = { 0 };

	json_open(&o, NULL, '[');
	ck_assert_int_eq(json_end(&o), -EINVAL); /* still open */
	json_close(&o);
	ck_assert_int_eq(json_end(&o), 0);
	json_close(&o);
	ck_assert_int_eq(json_end(&o), -EINVAL); /* one too many; and it stays so */
	json_free(&o);
	for (unsigned i = 0; i <= JSON_WRITE_DEPTH; i++)
		json_open(&o, NULL, '[');
	ck_assert_int_eq(json_end(&o), -E2BIG);
	json_int(&o, NULL, 1);
	ck_assert_uint_eq(o.len, JSON_WRITE_DEPTH);
	json_free(&o);
}
END_TEST

START_TEST(bytes_as_they_are_and_a_failure_from_outside)
{
	struct json_out o = { .one_line = true, .as_is = true };

	json_text(&o, NULL, "a\xff\n\xc3\xa4");
	ck_assert_int_eq(json_end(&o), 0);
	ck_assert_str_eq(o.text, "\"a\xff\\n\xc3\xa4\"");
	json_fail(&o, -ENOMEM);
	json_fail(&o, -EINVAL);
	ck_assert_int_eq(json_end(&o), -ENOMEM);
	ck_assert_ptr_null(json_take(&o));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("write");

	tcase_add_test(t, one_line);
	tcase_add_test(t, bytes_as_they_are_and_a_failure_from_outside);
	tcase_add_test(t, pages);
	tcase_set_timeout(t, 60); /* a busy machine needs longer than the usual four seconds */
	tcase_add_test(t, any_text);
	tcase_add_test(t, nothing_for_a_terminal);
	tcase_add_test(t, numbers);
	tcase_add_test(t, bytes);
	tcase_add_test(t, seconds);
	tcase_add_test(t, integers);
	tcase_add_test(t, trees);
	tcase_add_test(t, for_programs);
	tcase_add_test(t, longest);
	tcase_add_test(t, failures);
	return run_cases("json write", t, NULL);
}
