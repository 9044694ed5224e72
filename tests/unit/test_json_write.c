/* json/write.h: what is written is what cJSON reads, and lies on the page as cJSON's own. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

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
	ck_assert_str_eq(o.text, "{\"name\":\"web \\\"1\\\" \\\\ \\t\xe6\x97\xa5\",\"nothing\":null,\"empty\":{},\"none\":[],"
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
	ck_assert_str_eq(o.text, "{\n"
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
				ck_assert_msg((unsigned char)*p >= 0x20 && *p != 0x7f, "%02x %02x", first, second);
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
	static const double values[] = { 0, 1, -1, 0.1, 1e15, 123456789012345678.0, 1e300, 0.25, 2.0 / 3 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct json_out o = { 0 };

		json_number(&o, NULL, values[i]);
		ck_assert_msg(strtod(o.text, NULL) == values[i], "%s", o.text);
		json_free(&o);
	}
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

int main(void)
{
	TCase *t = tcase_create("write");

	tcase_add_test(t, one_line);
	tcase_add_test(t, pages);
	tcase_add_test(t, any_text);
	tcase_add_test(t, nothing_for_a_terminal);
	tcase_add_test(t, numbers);
	tcase_add_test(t, failures);
	return run_cases("json write", t, NULL);
}
