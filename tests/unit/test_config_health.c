/* tests/unit/test_config_health.c - descriptions of health: what is read, and where what is wrong
 * is said to be. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config/health.h"
#include "config/healthword.h"
#include "tests/unit/run.h"

START_TEST(everything)
{
	static const char text[] =
		"{\"probes\":{\"startup\":{\"log\":\"^up\",\"within\":5},\"liveness\":{\"exec\":[\"a\",\"b c\"],\"interval\":0.5,"
		"\"timeout\":1,\"failure_threshold\":2},\"readiness\":{\"http\":\"http://[::1]:1/x\",\"status\":204,\"body\":\"o+k\"}},"
		"\"policy\":{\"restart_on_failure\":true},\"limits\":{\"memory_bytes\":5,\"action\":\"restart\"}}";
	struct health_conf c;
	struct fault f = { "" };

	ck_assert_msg(health_parse(text, sizeof(text) - 1, &c, &f) == 0, "%s", f.text);
	ck_assert_int_eq(c.probe[HEALTH_STARTUP].kind, HEALTH_LOG);
	ck_assert_uint_eq(c.probe[HEALTH_STARTUP].within_ms, 5000);
	ck_assert_str_eq(c.probe[HEALTH_LIVENESS].argv[1], "b c");
	ck_assert_ptr_null(c.probe[HEALTH_LIVENESS].argv[2]);
	ck_assert_uint_eq(c.probe[HEALTH_LIVENESS].interval_ms, 500);
	ck_assert_uint_eq(c.probe[HEALTH_LIVENESS].success_threshold, 1);
	ck_assert_uint_eq(c.probe[HEALTH_READINESS].status_max, 204);
	ck_assert(
		c.has_policy && c.policy.restart_on_failure && c.policy.max_restart_attempts == 3);
	ck_assert(c.has_limits && c.limits.restart && c.limits.memory_bytes == 5);
	health_conf_done(&c);
}
END_TEST

static const struct {
	const char *text, *part;
} wrong[] = {
	{ "", "no JSON" },
	{ "[]", "health: expected an object" },
	{ "{} {}", "follows" },
	{ "{\"prob\":{}}", "no key \"prob\"" },
	{ "{\"probes\":\"mash\"}", "health.probes" },
	{ "{\"probes\":{\"liveness\":{}}}", "one of http" },
	{ "{\"probes\":{\"liveness\":{\"tcp\":\"a:1\",\"exec\":[\"x\"]}}}", "not two" },
	{ "{\"probes\":{\"liveness\":{\"exec\":[]}}}", "health.probes.liveness.exec" },
	{ "{\"probes\":{\"liveness\":{\"exec\":[1]}}}", "health.probes.liveness.exec" },
	{ "{\"probes\":{\"liveness\":{\"tcp\":\"a:0\"}}}", "health.probes.liveness.tcp" },
	{ "{\"probes\":{\"liveness\":{\"tcp\":\":80\"}}}", "health.probes.liveness.tcp" },
	{ "{\"probes\":{\"liveness\":{\"tcp\":\"a:65536\"}}}", "health.probes.liveness.tcp" },
	{ "{\"probes\":{\"liveness\":{\"tcp\":\"a:1\",\"interval\":0}}}",
		"health.probes.liveness.interval" },
	{ "{\"probes\":{\"liveness\":{\"log\":\"(\"}}}", "not a regular expression" },
	{ "{\"probes\":{\"liveness\":{\"log\":\"\\\\p{L}\"}}}",
		"health.probes.liveness.log: not a regular expression: \\p is not known" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"file:///etc/passwd\"}}}", "http://" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"\"}}}", "http://" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"https:///x\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://:80/\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://ann:secret@/x\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://[]/\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://[::1/\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://[::g]/\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://a]b/\"}}}", "a host" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://http://x\"}}}", "a port" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://x:0/\"}}}", "a port" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://x:65536\"}}}", "a port" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://x:80x\"}}}", "a port" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://[::1]80\"}}}", "a port" },
	{ "{\"probes\":{\"liveness\":{\"mcp\":\"http://x y/\"}}}", "blanks" },
	{ "{\"probes\":{\"liveness\":{\"mcp\":\"ftp://x/\"}}}", "http://" },
	{ "{\"probes\":{\"liveness\":{\"http\":\"http://x\",\"header\":\"a\\r\\nb\"}}}",
		"one line" },
	{ "{\"port\":0}", "health.port" },
	{ "{\"limits\":{\"action\":\"kill\"}}", "health.limits.action" },
	{ "{\"policy\":{\"check_interval\":\"30\"}}", "health.policy.check_interval" },
};

START_TEST(what_is_wrong_is_named)
{
	struct health_conf c;
	struct fault f = { "" };

	ck_assert_int_lt(health_parse(wrong[_i].text, strlen(wrong[_i].text), &c, &f), 0);
	ck_assert_msg(strstr(f.text, wrong[_i].part), "%s", f.text);
}
END_TEST

START_TEST(for_all)
{
	static const char text[] =
		"{\"alerts\":{\"command\":[\"mail\"],\"timeout\":1},\"brake\":{\"least\":5},\"budget\":{\"restarts\":7}}";
	struct health_all a;
	struct fault f = { "" };

	ck_assert_msg(health_parse_all(text, sizeof(text) - 1, &a, &f) == 0, "%s", f.text);
	ck_assert_str_eq(a.alert_argv[0], "mail");
	ck_assert_uint_eq(a.brake_least, 5);
	ck_assert_uint_eq(a.brake_percent, 30);
	ck_assert_uint_eq(a.budget_restarts, 7);
	health_all_done(&a);
	ck_assert_int_lt(health_parse_all("{\"alerts\":{\"url\":1}}", 20, &a, &f), 0);
	ck_assert_msg(strstr(f.text, "alerts.url"), "%s", f.text);
}
END_TEST

static const char *const words[] = { "mesh", "mesh:8080", "http://127.0.0.1:1/x", "http:http://h/x",
	"http:http://ann:p:q@h:80?x=http://", "https://[::1]", "https://[fe80::1%eth0]:1/",
	"tcp:80", "tcp:h:80", "exec:true", "mcp:http://h/mcp" };

START_TEST(short_forms)
{
	struct fault f = { "" };
	struct health_conf c;
	char *text;

	ck_assert(health_is_word(words[_i]));
	text = health_from_word(words[_i], &f);
	ck_assert_msg(text, "%s", f.text);
	ck_assert_int_eq(health_parse(text, strlen(text), &c, &f), 0);
	ck_assert_int_ne(c.probe[HEALTH_LIVENESS].kind, HEALTH_NO_PROBE);
	health_conf_done(&c);
	free(text);
}
END_TEST

START_TEST(no_short_forms)
{
	struct fault f = { "" };

	ck_assert(!health_is_word("meshy") && !health_is_word("a.json"));
	ck_assert_ptr_null(health_from_word("mesh:0", &f));
	ck_assert_ptr_null(health_from_word("exec:", &f));
	ck_assert_ptr_null(health_from_word("mcp:file:///x", &f));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("health");

	tcase_add_test(c, everything);
	tcase_add_loop_test(c, what_is_wrong_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(c, for_all);
	tcase_add_loop_test(c, short_forms, 0, sizeof(words) / sizeof(words[0]));
	tcase_add_test(c, no_short_forms);
	return run_cases("config/health", c, NULL);
}
