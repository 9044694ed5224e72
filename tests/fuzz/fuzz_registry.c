/*
 * tests/fuzz/fuzz_registry.c - tend-registry behind HTTP: requests in a row, each "METHOD PATH
 * KEY=VALUE ...\n" and its body up to a byte 0. Every answer has a status and is JSON; whatever was
 * registered, the list of agents is there, and our own monitor understands it. "STORED x" has an
 * agent in the database for its body.
 */
/* links: registry/api.c registry/gate.c registry/listing.c registry/table.c registry/agents.c registry/parts.c registry/stored.c registry/rules.c registry/json.c monitor/regjson.c */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/regjson.h"
#include "registry/api.h"
#include "tests/fuzz/fuzz.h"

#define REQUESTS_MAX   64
#define LINE_MAX_BYTES 512

struct line {
	char text[LINE_MAX_BYTES];
	char *method, *path, *query[8];
};

static const char *query(void *arg, const char *key)
{
	const struct line *l = arg;
	size_t len = strlen(key);

	for (size_t i = 0; i < 8 && l->query[i]; i++)
		if (strncmp(l->query[i], key, len) == 0 && l->query[i][len] == '=')
			return l->query[i] + len + 1;
	return NULL;
}

static void read_line(struct line *l, const char *from, size_t n)
{
	char *save = NULL, *word;
	size_t k = 0;

	memset(l, 0, sizeof(*l));
	memcpy(l->text, from, n < sizeof(l->text) - 1 ? n : sizeof(l->text) - 1);
	l->method = strtok_r(l->text, " ", &save);
	l->path = strtok_r(NULL, " ", &save);
	while (k < 8 && (word = strtok_r(NULL, " ", &save)))
		l->query[k++] = word;
}

static void check(const struct request *q, struct reply *r)
{
	cJSON *doc;

	MUST(r->status >= 200 && r->status <= 599 && memchr(r->etag, 0, sizeof(r->etag)));
	if (r->body.len) {
		MUST(json_end(&r->body) == 0 && r->body.text[r->body.len] == 0 &&
			strlen(r->body.text) == r->body.len);
		doc = cJSON_Parse(r->body.text);
		MUST(doc || r->status == 204 || r->status == 304);
		cJSON_Delete(doc);
	}
	MUST(r->status != 405 || r->allow);
	/* whoever only looks finds nothing out of order */
	MUST(r->status < 500 || strcmp(q->method, "GET") != 0);
	json_free(&r->body);
}

static void ask(struct api *api, struct request *q, double seconds)
{
	struct reply r;

	api->now_boot_ns += (uint64_t)(seconds * 1e9);
	api->now_real_ns += (uint64_t)(seconds * 1e9);
	(void)table_age(&api->table, api->now_boot_ns, NULL, NULL);
	api_answer(api, q, &r);
	check(q, &r);
}

/* An agent that was found in the database. */
static void load(struct api *api, const char *body, size_t len)
{
	char *text = strndup(body, len);
	struct fault f = { "" };
	struct agent *a;

	MUST(text);
	a = agent_from_stored(text, &f);
	MUST(a || f.text[0]);
	if (a &&
		(table_find(&api->table, a->id) ||
			table_put(&api->table, a, api->now_boot_ns, api->now_real_ns) < 0))
		agent_free(a);
	free(text);
}

/* What our monitor makes of the list. */
static void look(struct api *api)
{
	struct line none = { .method = NULL };
	struct request q = {
		.method = "GET", .path = "/agents", .query = query, .query_arg = &none, .body = ""
	};
	struct reg_list l;
	struct fault f = { "" };
	struct reply r;

	api_answer(api, &q, &r);
	MUST(r.status == 200);
	MUST(regjson_parse(r.body.text, r.body.len, api->now_real_ns, &l, &f) == 0 &&
		l.n <= api->table.n);
	reglist_done(&l);
	check(&q, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct api api = { .now_boot_ns = 1000 * NS_PER_SEC,
		.now_real_ns = 1795000000 * NS_PER_SEC };
	const char *at = (const char *)data, *end = at + size;

	api.table.rules = (struct age_rules){ AGENT_TIMEOUT_S * NS_PER_SEC,
		AGENT_RETENTION_S * NS_PER_SEC };
	for (unsigned n = 0; n < REQUESTS_MAX && at < end; n++) {
		const char *stop = memchr(at, 0, (size_t)(end - at)), *line_end;
		struct line l;

		stop = stop ? stop : end;
		line_end = memchr(at, '\n', (size_t)(stop - at));
		line_end = line_end ? line_end : stop;
		read_line(&l, at, (size_t)(line_end - at));
		if (l.method && l.path) {
			const char *body = line_end < stop ? line_end + 1 : stop;
			struct request q = { .method = l.method,
				.path = l.path,
				.query = query,
				.query_arg = &l,
				.body = body };

			q.body_len = (size_t)(stop - body);
			q.headers = (struct gate_headers){ query(&l, "Host"), query(&l, "Origin"),
				query(&l, "Site"), query(&l, "Type") };
			if (strcmp(l.method, "STORED") == 0)
				load(&api, q.body, q.body_len);
			else
				ask(&api, &q, n % 5 == 4 ? 30 : 1);
		}
		at = stop < end ? stop + 1 : end;
	}
	look(&api);
	table_done(&api.table);
	return 0;
}
