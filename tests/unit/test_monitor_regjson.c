/* tests/unit/test_monitor_regjson.c - registries' answers, recorded and hostile; whose entry is
 * whose. */
/* links: monitor/regjson.c */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/regjson.h"
#include "tests/unit/run.h"

#define NOW (1795397523 * NS_PER_SEC) /* 2026-11-23T01:32:03Z */

static struct reg_list parse(const char *text)
{
	struct reg_list l;
	struct fault f = { "" };
	int r = regjson_parse(text, strlen(text), NOW, &l, &f);

	ck_assert_msg(r == 0, "%s", f.text);
	return l;
}

static int refused(const char *text, size_t len, const char *part)
{
	struct reg_list l;
	struct fault f = { "" };
	int r = regjson_parse(text, len, NOW, &l, &f);

	ck_assert_int_lt(r, 0);
	ck_assert_msg(strstr(f.text, part), "%s", f.text);
	return r;
}

START_TEST(an_empty_list_is_null_for_some)
{
	struct reg_list l = parse(
		"{\"agents\":null,\"count\":0,\"timestamp\":\"2026-12-01T01:11:09.076402339Z\"}");

	ck_assert_uint_eq(l.n, 0);
	ck_assert_str_eq(l.shown, "[]");
	ck_assert_ptr_null(reglist_find(&l, "a"));
	reglist_done(&l);
}
END_TEST

START_TEST(recorded_go)
{
	struct reg_list l = parse(
		"{\"agents\":[{\"agent_type\":\"mesh-agent\",\"annotations\":{\"original_name\":\"my_agent\"},\"capabilities\":[{\"id\":1,"
		"\"name\":\"greet\",\"parameters_schema\":null,\"version\":\"1.0.0\"}],\"dependencies\":[\"weather\"],\"endpoint\":"
		"\"http://localhost:0/my-agent\",\"id\":\"my_agent\",\"last_heartbeat\":\"2026-11-23T01:32:02Z\",\"name\":\"my-agent\","
		"\"status\":\"healthy\"}],\"count\":1,\"timestamp\":\"2026-11-23T01:32:02Z\"}");
	const struct reg_entry *e = reglist_find(&l, "my_agent");

	ck_assert_uint_eq(l.n, 1);
	ck_assert_ptr_nonnull(e);
	ck_assert(reg_is_alive(e, NOW));
	ck_assert(!reg_is_alive(e, NOW + REGJSON_ALIVE_NS));
	ck_assert_uint_eq(e->capabilities, 1);
	ck_assert_uint_eq(e->dependencies, 1);
	ck_assert_str_eq(e->endpoint, "http://localhost:0/my-agent");
	ck_assert_ptr_nonnull(strstr(l.shown,
		"\"capabilities\":[{\"id\":1,\"name\":\"greet\",\"parameters_schema\":null,\"version\":\"1.0.0\"}],"
		"\"dependencies\":[\"weather\"]"));
	ck_assert_ptr_null(reglist_find(&l, "other"));
	reglist_done(&l);
}
END_TEST

START_TEST(recorded_python)
{
	struct reg_list l = parse(
		"{\"agents\":[{\"id\":\"0f61f2ed-750b-434e-a2fd-3d88dff7b38f\",\"name\":\"my-agent\",\"capabilities\":[{\"name\":\"greet\"}],"
		"\"dependencies\":[\"weather\"],\"status\":\"pending\",\"last_heartbeat\":null}],\"count\":1}");
	const struct reg_entry *e = reglist_find(&l, "My_Agent");

	ck_assert_ptr_nonnull(e);
	ck_assert(!reg_is_alive(e, NOW));
	ck_assert_uint_eq(e->seen_real_ns, 0);
	reglist_done(&l);
}
END_TEST

START_TEST(newest_of_several)
{
	struct reg_list l = parse(
		"{\"agents\":["
		"{\"id\":\"web-11111111\",\"name\":\"web\",\"status\":\"unhealthy\",\"last_seen\":\"2026-11-23T01:00:00Z\"},"
		"{\"id\":\"web-22222222\",\"name\":\"web\",\"status\":\"healthy\",\"last_seen\":\"2026-11-23T01:32:00Z\"},"
		"{\"id\":\"web-33333333\",\"name\":\"web-33333333\",\"status\":\"offline\",\"last_seen\":\"2026-11-23T01:31:00Z\"},"
		"{\"id\":\"other-1234\",\"name\":\"other-1234\",\"status\":\"active\"}]}");

	ck_assert_str_eq(reglist_find(&l, "web")->id, "web-22222222");
	ck_assert_str_eq(reglist_find(&l, "web-11111111")->id, "web-11111111");
	ck_assert_ptr_null(reglist_find(&l, "other"));
	ck_assert(reg_is_alive(reglist_find(&l, "other-1234"), NOW));
	reglist_done(&l);
}
END_TEST

START_TEST(exact_before_normalised)
{
	struct reg_list l = parse(
		"{\"agents\":[{\"name\":\"a-b\",\"status\":\"healthy\",\"last_seen\":\"2026-11-23T01:32:00Z\"},"
		"{\"name\":\"a_b\",\"status\":\"offline\",\"last_seen\":\"2026-11-23T01:00:00Z\"}]}");

	ck_assert_str_eq(reglist_find(&l, "a_b")->status, "offline");
	ck_assert_str_eq(reglist_find(&l, "a-b")->status, "healthy");
	reglist_done(&l);
}
END_TEST

START_TEST(wrong_types_and_gaps)
{
	struct reg_list l = parse(
		"{\"agents\":[1,null,\"x\",[],{},{\"name\":5},{\"name\":\"a\",\"status\":7,\"last_seen\":[],\"capabilities\":\"c\"},"
		"{\"name\":\"b\",\"status\":\"healthy\",\"last_seen\":\"yesterday\"},"
		"{\"name\":\"c\\u001b[2J\",\"status\":\"healthy\",\"capabilities\":[1,{},{\"name\":\"x\"}],\"total_dependencies\":1e400}]}");

	ck_assert_uint_eq(l.n, 3);
	ck_assert_str_eq(reglist_find(&l, "a")->status, "");
	ck_assert(!reg_is_alive(reglist_find(&l, "b"), NOW));
	ck_assert_str_eq(l.entry[2].name, "c\\x1b[2J");
	ck_assert_uint_eq(l.entry[2].capabilities, 3);
	ck_assert_uint_eq(l.entry[2].dependencies, UINT16_MAX);
	reglist_done(&l);
}
END_TEST

START_TEST(no_list)
{
	static const struct {
		const char *text, *part;
	} bad[] = { { "", "not JSON" }, { "<html></html>", "not JSON" },
		{ "{\"agents\":[]} x", "goes on" }, { "{\"agents\":{}}", "no list" },
		{ "[]", "no list" }, { "{\"agents\":[", "not JSON" },
		{ "{\"Agents\":[]}", "no list" } };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].text, strlen(bad[i].text), bad[i].part);
}
END_TEST

START_TEST(too_deep_and_too_much)
{
	size_t len = 8u << 20;
	char *text = malloc(len);

	ck_assert_ptr_nonnull(text);
	memset(text, '[', len);
	refused(text, 10000, "not JSON");
	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 ? '0' : ',';
	text[0] = '[';
	ck_assert_int_eq(refused(text, len, "too much memory"), -EFBIG);
	free(text);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("answers");

	tcase_add_test(c, an_empty_list_is_null_for_some);
	tcase_add_test(c, recorded_go);
	tcase_add_test(c, recorded_python);
	tcase_add_test(c, newest_of_several);
	tcase_add_test(c, exact_before_normalised);
	tcase_add_test(c, wrong_types_and_gaps);
	tcase_add_test(c, no_list);
	tcase_add_test(c, too_deep_and_too_much);
	return run_cases("monitor/regjson", c, NULL);
}
