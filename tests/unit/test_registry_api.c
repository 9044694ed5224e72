/* tests/unit/test_registry_api.c - the registry without HTTP and disk: both generations, ages on a
 * virtual clock, hostile bodies. */
/* links: registry/api.c registry/gate.c registry/listing.c registry/table.c registry/agents.c registry/parts.c registry/stored.c registry/rules.c registry/json.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "registry/api.h"
#include "tests/unit/run.h"

static struct api api;
static struct reply reply;
static const char *params[8]; /* key, value, ... */

static void set_up(void)
{
	memset(&api, 0, sizeof(api));
	api.table.rules = (struct age_rules){ AGENT_TIMEOUT_S * NS_PER_SEC,
		AGENT_RETENTION_S * NS_PER_SEC };
	api.now_boot_ns = 1000 * NS_PER_SEC;
	api.now_real_ns = 1795000000 * NS_PER_SEC;
	memset(params, 0, sizeof(params));
}

static void tear_down(void)
{
	json_free(&reply.body);
	table_done(&api.table);
}

static void later(double s)
{
	api.now_boot_ns += (uint64_t)(s * 1e9);
	api.now_real_ns += (uint64_t)(s * 1e9);
}

static const char *query(void *arg, const char *key)
{
	(void)arg;
	for (size_t i = 0; i + 1 < 8 && params[i]; i += 2)
		if (strcmp(params[i], key) == 0)
			return params[i + 1];
	return NULL;
}

static unsigned ask_bytes(const char *method, const char *path, const char *body, size_t len)
{
	struct request q = {
		.method = method, .path = path, .query = query, .body = body, .body_len = len
	};

	json_free(&reply.body);
	api_answer(&api, &q, &reply);
	return reply.status;
}

static unsigned ask(const char *method, const char *path, const char *body)
{
	return ask_bytes(method, path, body ? body : "", body ? strlen(body) : 0);
}

static bool says(const char *text)
{
	return reply.body.text && strstr(reply.body.text, text) != NULL;
}

#define OLD \
	"{\"agent_id\":\"my_agent\",\"timestamp\":\"t\",\"metadata\":{\"name\":\"my_agent\",\"capabilities\":[{\"name\":\"greet\"}]," \
	"\"dependencies\":[\"weather\"]}}"
#define NEW \
	"{\"agent_id\":\"sun-1a2b3c4d\",\"name\":\"sun\",\"http_host\":\"127.0.0.1\",\"http_port\":9000,\"tools\":[{\"function_name\":\"now\"," \
	"\"capability\":\"weather\",\"version\":\"1.4.2\",\"tags\":[\"fast\"],\"dependencies\":[{\"capability\":\"greet\"}]}]}"

START_TEST(first_generation)
{
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{\"agent_id\":\"my_agent\"}"), 404);
	ck_assert_str_eq(reply.body.text, "{\"detail\":\"Agent my_agent not found\"}");
	ck_assert_uint_eq(ask("POST", "/agents/register_with_metadata", OLD), 201);
	ck_assert(says("\"status\":\"success\",\"agent_id\":\"my_agent\""));
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
	ck_assert(says("\"id\":\"my_agent\"") && says("\"name\":\"my_agent\"") &&
		says("\"status\":\"healthy\"") && says("\"last_seen\":\"20") &&
		says("\"last_heartbeat\":\"20") && says("\"count\":1"));
	later(59);
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
	ck_assert(says("\"status\":\"healthy\""));
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{\"agent_id\":\"my_agent\"}"), 200);
	later(60);
	ck_assert_uint_eq(ask("GET", "/health/my_agent", NULL), 200);
	ck_assert(says("\"status\":\"unhealthy\"") && says("\"timeout_threshold\":60"));
	ck_assert_uint_eq(
		ask("POST", "/agents/register_with_metadata", "{\"agent_id\":\"x\"}"), 422);
	ck_assert(says("\"loc\":[\"body\",\"metadata\"]"));
}
END_TEST

START_TEST(todays_generation)
{
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 410);
	ck_assert_uint_eq(ask("POST", "/heartbeat", NEW), 200);
	ck_assert(says("\"dependencies_resolved\":{\"now\":[]}"));
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 200);
	ck_assert_uint_eq(ask("POST", "/agents/register_with_metadata", OLD), 201);
	/* what it depends on has come */
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 202);
	ck_assert_uint_eq(ask("POST", "/heartbeat", NEW), 200);
	ck_assert(says("\"now\":[{\"agent_id\":\"my_agent\""));
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 200);
	later(19.9);
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 200);
	later(20);
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 410);
	ck_assert_uint_eq(ask("POST", "/heartbeat", NEW), 200);
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 200);
	ck_assert_uint_eq(ask("DELETE", "/agents/sun-1a2b3c4d", NULL), 204);
	ck_assert_uint_eq(ask("DELETE", "/agents/nobody", NULL), 204);
	ck_assert_uint_eq(ask("HEAD", "/heartbeat/sun-1a2b3c4d", NULL), 410);
	ck_assert_uint_eq(ask("GET", "/health/sun-1a2b3c4d", NULL), 200);
	ck_assert(says("\"status\":\"unhealthy\""));
}
END_TEST

static size_t gone;

static void count_gone(void *arg, const struct agent *a)
{
	(void)arg, (void)a;
	gone++;
}

START_TEST(ages)
{
	gone = 0;
	ask("POST", "/heartbeat", NEW);
	ck_assert_uint_eq(table_age(&api.table, api.now_boot_ns, count_gone, NULL), 0);
	later(20);
	ck_assert_uint_eq(table_age(&api.table, api.now_boot_ns, count_gone, NULL), 1);
	ck_assert_uint_eq(table_age(&api.table, api.now_boot_ns, count_gone, NULL), 0);
	later(3579.9);
	table_age(&api.table, api.now_boot_ns, count_gone, NULL);
	ck_assert_uint_eq(gone, 0);
	later(0.1);
	table_age(&api.table, api.now_boot_ns, count_gone, NULL);
	ck_assert_uint_eq(gone, 1);
	ck_assert_uint_eq(api.table.n, 0);
	ck_assert_uint_eq(api.table.bytes, 0);
	ck_assert_ptr_null(table_find(&api.table, "sun-1a2b3c4d"));
}
END_TEST

START_TEST(a_clock_that_is_set_makes_nobody_stale)
{
	ask("POST", "/heartbeat", NEW);
	api.now_real_ns += 86400 * NS_PER_SEC;
	ask("GET", "/agents", NULL);
	ck_assert(says("\"status\":\"healthy\""));
}
END_TEST

static bool filtered(const char *key, const char *value)
{
	params[0] = key;
	params[1] = value;
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
	return says("\"count\":1,");
}

START_TEST(filters)
{
	ask("POST", "/heartbeat", NEW);
	ck_assert(filtered("status", "healthy") && !filtered("status", "active") &&
		filtered("status", ""));
	ck_assert(filtered("namespace", "default") && !filtered("namespace", "other"));
	ck_assert(filtered("capability", "x,weather") && !filtered("capability", "weath"));
	ck_assert(filtered("name", "sun") && !filtered("name", "moon"));
	ck_assert(filtered("version_constraint", ">=1.2,<2") &&
		!filtered("version_constraint", "^2"));
	ck_assert(filtered("capability_tags", "fast") && !filtered("capability_tags", "fast,slow"));
	ck_assert(filtered("agent_type", "mcp_agent") && !filtered("label_selector", "a=b"));
	ck_assert(filtered("of_no_meaning", "x"));
	params[0] = "capability";
	params[1] = "EATH";
	params[2] = "fuzzy_match";
	params[3] = "true";
	ask("GET", "/agents", NULL);
	ck_assert(says("\"count\":1,"));
}
END_TEST

START_TEST(etag)
{
	struct request q = { .method = "GET", .path = "/agents", .body = "" };
	char tag[64];

	ask("POST", "/heartbeat", NEW);
	ask("GET", "/agents", NULL);
	strcpy(tag, reply.etag);
	q.if_none_match = tag;
	json_free(&reply.body);
	api_answer(&api, &q, &reply);
	ck_assert_uint_eq(reply.status, 304);
	ck_assert_uint_eq(reply.body.len, 0);
	later(20); /* it became unhealthy: the list has changed although nobody wrote */
	api_answer(&api, &q, &reply);
	ck_assert_uint_eq(reply.status, 200);
	strcpy(tag, reply.etag);
	json_free(&reply.body);
	later(16); /* a sign of life in another step */
	ask("POST", "/heartbeat", NEW);
	json_free(&reply.body);
	api_answer(&api, &q, &reply);
	ck_assert_uint_eq(reply.status, 200);
}
END_TEST

START_TEST(versions)
{
	ck_assert(agent_version_fits("1.2.3", "") && agent_version_fits("1.2.3", "1.2") &&
		!agent_version_fits("1.2.3", "1.3"));
	ck_assert(agent_version_fits("1.2.3", "^1.1") && !agent_version_fits("2.0.0", "^1.1") &&
		!agent_version_fits("0.2.9", "^0.1"));
	ck_assert(agent_version_fits("1.2.9", "~1.2.3") && !agent_version_fits("1.3.0", "~1.2.3") &&
		agent_version_fits("1.9", "~1"));
	ck_assert(agent_version_fits("1.2.3", ">1.2, <=1.2.3") &&
		!agent_version_fits("1.2.3", ">1.2.3") && agent_version_fits("v3", "*"));
	ck_assert(!agent_version_fits("1", "nonsense") && !agent_version_fits("1", ">"));
}
END_TEST

START_TEST(bad_requests)
{
	static char deep[4000];

	memset(deep, '[', sizeof(deep) - 1);
	ck_assert_uint_eq(ask("POST", "/heartbeat", ""), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat", "[]"), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{} {}"), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{\"agent_id\":\"\xff\"}"), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat", deep), 400);
	ck_assert(says("nested deeper"));
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{\"agent_id\":\"a b\",\"tools\":[]}"), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat", "{\"agent_id\":\"a\",\"tools\":[]}"), 400);
	ck_assert_uint_eq(ask("POST", "/heartbeat",
				  "{\"agent_id\":\"a\",\"tools\":[{\"capability\":\"c\"}]}"),
		400);
	ck_assert_uint_eq(
		ask("POST", "/heartbeat",
			"{\"agent_id\":\"a\",\"http_port\":70000,\"tools\":[{\"capability\":\"c\",\"function_name\":\"f\"}]}"),
		400);
	ck_assert_uint_eq(ask("GET", "/heartbeat", NULL), 405);
	ck_assert_str_eq(reply.allow, "POST");
	ck_assert_uint_eq(ask("PATCH", "/agents/x", NULL), 405);
	ck_assert_uint_eq(ask("GET", "/agents/../x", NULL), 404);
	ck_assert_uint_eq(ask("", "/", NULL), 405);
	ck_assert_uint_eq(ask("GET", "/nothing", NULL), 404);
	ck_assert_uint_eq(api.table.n, 0);
}
END_TEST

START_TEST(stored_and_read_back)
{
	struct agent *a, *b;
	struct fault f;
	char *text;

	ask("POST", "/heartbeat", NEW);
	a = table_find(&api.table, "sun-1a2b3c4d");
	ck_assert_ptr_nonnull(a);
	text = agent_stored(a);
	b = agent_from_stored(text, &f);
	ck_assert_ptr_nonnull(b);
	ck_assert_str_eq(b->text, a->text);
	ck_assert_uint_eq(b->timeout_ns, a->timeout_ns);
	agent_free(b);
	free(text);
	ck_assert_ptr_null(agent_from_stored("{\"entry\":{\"id\":3}}", &f));
	ck_assert_ptr_null(agent_from_stored("", &f));
}
END_TEST

/* Whoever wrote it: what is not as we store it is not an agent, and what is taken can be searched.
 * */
START_TEST(stored_by_someone_else)
{
	static const char entry[] =
		"{\"entry\":{\"id\":\"a\",\"name\":\"a\",\"namespace\":\"n\",\"agent_type\":\"t\",\"endpoint\":\"e\","
		"\"timeout_threshold\":20,\"health_interval\":5,\"eviction_threshold\":60,\"labels\":%s,\"capabilities\":[%s]},"
		"\"requests\":[%s]}";
	static const struct {
		const char *labels, *capability, *request;
		bool good;
	} cases[] = {
		{ "{\"a\":\"b\"}", "", "", true },
		{ "[\"a\"]", "", "", false },
		{ "7", "", "", false },
		{ "{}", "{\"name\":\"c\",\"version\":\"1\",\"function_name\":\"f\"}", "", true },
		{ "{}", "{\"name\":\"c\",\"version\":\"1\",\"function_name\":\"f\",\"tags\":{\"a\":1}}",
			"", false },
		{ "{}", "[\"name\"]", "", false },
		{ "{}", "",
			"{\"function_name\":\"f\",\"capability\":\"c\",\"version\":\"\",\"namespace\":\"\"}",
			true },
		{ "{}", "",
			"{\"function_name\":\"f\",\"capability\":\"c\",\"version\":3,\"namespace\":\"\"}",
			false },
		{ "{}", "", "[]", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1000];
		struct fault f;
		struct agent *a;

		snprintf(text, sizeof(text), entry, cases[i].labels, cases[i].capability,
			cases[i].request);
		a = agent_from_stored(text, &f);
		ck_assert_msg((a != NULL) == cases[i].good, "%zu: %s", i, text);
		if (a)
			ck_assert_int_eq(
				table_put(&api.table, a, api.now_boot_ns, api.now_real_ns), 0);
	}
	ck_assert(!filtered("label_selector", "a=b") && !filtered("label_selector", "a"));
	ck_assert_uint_eq(ask("GET", "/capabilities", NULL), 200);
}
END_TEST

/* An agent that is the same but for one of these is another one: what it depends on is looked for
 * anew, and whoever lists agents sees that. */
START_TEST(a_dependency_that_changes)
{
	static const struct {
		const char *dependency;
		bool resolved;
	} steps[] = {
		{ "\"weather\"", true },
		{ "{\"capability\":\"weather\",\"version\":\">=2\"}", false },
		{ "{\"capability\":\"weather\",\"version\":\">=1\"}", true },
		{ "{\"capability\":\"weather\",\"version\":\">=1\",\"tags\":[\"slow\"]}", false },
		{ "{\"capability\":\"weather\",\"version\":\">=1\",\"tags\":[\"fast\"]}", true },
		{ "{\"capability\":\"weather\",\"version\":\">=1\",\"tags\":[\"fast\"],\"namespace\":\"other\"}",
			false },
		{ "{\"capability\":\"weather\",\"version\":\">=1\",\"tags\":[\"fast\"],\"namespace\":\"default\"}",
			true },
	};

	ask("POST", "/heartbeat", NEW);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t changes = api.table.changes;
		char body[400];

		snprintf(body, sizeof(body),
			"{\"agent_id\":\"a\",\"tools\":[{\"function_name\":\"f\",\"capability\":\"x\",\"dependencies\":[%s]}]}",
			steps[i].dependency);
		ck_assert_uint_eq(ask("POST", "/heartbeat", body), 200);
		ck_assert_msg(says("\"agent_id\":\"sun-1a2b3c4d\"") == steps[i].resolved, "%zu: %s",
			i, reply.body.text);
		ck_assert_uint_gt(api.table.changes, changes);
	}
}
END_TEST

/* One tool, with as many dependencies, tags and values in its schema. */
static unsigned post_many(size_t dependencies, size_t tags, size_t values)
{
	size_t len;
	char *body;
	FILE *b = open_memstream(&body, &len);
	unsigned status;

	fputs("{\"agent_id\":\"a\",\"tools\":[{\"function_name\":\"f\",\"capability\":\"c\",\"dependencies\":[\"d\"",
		b);
	for (size_t i = 1; i < dependencies; i++)
		fputs(",\"d\"", b);
	fputs("],\"tags\":[\"t\"", b);
	for (size_t i = 1; i < tags; i++)
		fputs(",\"t\"", b);
	fputs("],\"input_schema\":[1", b);
	for (size_t i = 1; i < values; i++)
		fputs(",1", b);
	fputs("]}]}", b);
	fclose(b);
	status = ask_bytes("POST", "/heartbeat", body, len);
	free(body);
	return status;
}

START_TEST(limits_of_one_agent)
{
	char body[700], name[257];

	ck_assert_uint_eq(post_many(1000, 32, 48000), 200);
	ck_assert_uint_lt(api.table.values, 10000); /* a schema is kept as text */
	ck_assert_uint_eq(post_many(1001, 1, 1), 400);
	ck_assert(says("more than 1000 dependencies"));
	ck_assert_uint_eq(post_many(1, 33, 1), 400);
	ck_assert(says("more than 32 tags"));
	ck_assert_uint_eq(post_many(1, 1, 50001), 400);
	ck_assert(says("more than 50000 values"));
	memset(name, 'n', 256);
	name[256] = 0;
	snprintf(body, sizeof(body),
		"{\"agent_id\":\"a\",\"tools\":[{\"function_name\":\"%s\",\"capability\":\"c\"}]}",
		name);
	ck_assert_uint_eq(ask("POST", "/heartbeat", body), 400);
	snprintf(body, sizeof(body),
		"{\"agent_id\":\"a\",\"tools\":[{\"function_name\":\"%s\",\"capability\":\"c\"}]}",
		name + 1);
	ck_assert_uint_eq(ask("POST", "/heartbeat", body), 200);
	params[0] = "capability";
	params[1] = body; /* not so long */
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
}
END_TEST

/* Many that offer the same, and one that wants it a thousand times in a way that nobody offers it:
 * an end is put to the search. */
START_TEST(work_is_bounded)
{
	size_t len;
	char *body;
	FILE *b;

	for (unsigned i = 0; i < 20; i++) {
		b = open_memstream(&body, &len);
		fprintf(b,
			"{\"agent_id\":\"p%u\",\"tools\":[{\"function_name\":\"f\",\"capability\":\"d\"}",
			i);
		for (unsigned k = 1; k < 1000; k++)
			fputs(",{\"function_name\":\"f\",\"capability\":\"d\"}", b);
		fputs("]}", b);
		fclose(b);
		ck_assert_uint_eq(ask_bytes("POST", "/heartbeat", body, len), 200);
		free(body);
	}
	b = open_memstream(&body, &len);
	fputs("{\"agent_id\":\"a\",\"tools\":[{\"function_name\":\"f\",\"capability\":\"x\",\"dependencies\":[\"d\"",
		b);
	for (unsigned i = 1; i < 1000; i++)
		fputs(",{\"capability\":\"d\",\"version\":\">=9\"}", b);
	fputs("]}]}", b);
	fclose(b);
	ck_assert_uint_eq(ask_bytes("POST", "/heartbeat", body, len), 200);
	free(body);
	ck_assert_uint_eq(api.table.work, 0);
	ck_assert(says("\"agent_id\":\"p0\"")); /* what was found before is told */
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
	ck_assert(says("\"count\":21,"));
}
END_TEST

/* Random changes of valid bodies: never a crash, always a status that is one of ours, and what
 * comes out is JSON. */
START_TEST(mutations)
{
	static const char *const seeds[] = { OLD, NEW,
		"{\"agent_id\":\"my_agent\",\"status\":\"degraded\"}" };
	static const char *const paths[] = { "/heartbeat", "/agents/register_with_metadata",
		"/agents", "/heartbeat/%s" };
	static const char bits[] = "{}[]\",:\\0eE-+.tfnu \x80\xff\x01";
	const char *given = getenv("FUZZ_SEED"), *rounds_given = getenv("FUZZ_ROUNDS");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 4711;
	unsigned rounds = rounds_given ? (unsigned)strtoul(rounds_given, NULL, 10) : 20000, bad = 0;

	srandom(seed);
	for (unsigned i = 0; i < rounds; i++) {
		char body[2048];
		size_t len = strlen(seeds[i % 3]);
		cJSON *out;

		memcpy(body, seeds[i % 3], len);
		for (long n = random() % 6; n >= 0 && len > 1; n--) {
			size_t at = (size_t)random() % len, count = (size_t)random() % 8;

			if (random() % 4 == 0 && at + count < len) { /* take out */
				memmove(body + at, body + at + count, len - at - count);
				len -= count;
				/* say twice */
			} else if (random() % 3 == 0 && len + count < sizeof(body) &&
				at + count < len) {
				memmove(body + at + count, body + at, len - at);
				len += count;
			} else {
				body[at] = bits[(size_t)random() % (sizeof(bits) - 1)];
			}
		}
		ask_bytes(random() % 10 ? "POST" : "HEAD", paths[random() % 4], body, len);
		out = reply.body.len ? cJSON_ParseWithLength(reply.body.text, reply.body.len)
				     : NULL;
		bad += (reply.body.len && !out) || reply.status < 200 || reply.status > 422;
		cJSON_Delete(out);
		later(0.01);
		if (i % 97 == 0)
			ask("GET", "/agents", NULL);
	}
	ck_assert_msg(bad == 0, "%u bad answers; FUZZ_SEED=%u", bad, seed);
	ck_assert_uint_eq(ask("GET", "/agents", NULL), 200);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, first_generation);
	tcase_add_test(t, todays_generation);
	tcase_add_test(t, ages);
	tcase_add_test(t, a_clock_that_is_set_makes_nobody_stale);
	tcase_add_test(t, filters);
	tcase_add_test(t, etag);
	tcase_add_test(t, versions);
	tcase_add_test(t, bad_requests);
	tcase_add_test(t, stored_and_read_back);
	tcase_add_test(t, stored_by_someone_else);
	tcase_add_test(t, a_dependency_that_changes);
	tcase_add_test(t, limits_of_one_agent);
	tcase_add_test(t, work_is_bounded);
	tcase_add_test(t, mutations);
	tcase_set_timeout(t, 120);
	return run_cases("registry", t, NULL);
}
