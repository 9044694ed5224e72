/* registry/serve.c - see registry/serve.h. */
#include "registry/serve.h"

#include <string.h>

#include "base/str.h"

static void put_reply(struct http_reply *ret, const struct reply *r)
{
	ret->status = r->status;
	ret->type = "application/json";
	ret->allow = r->allow;
	str_copy(ret->etag, sizeof(ret->etag), r->etag);
	ret->body = r->body.text;
	ret->len = r->body.len;
	ret->held = r->body.room;
}

static const char *query(void *arg, const char *key)
{
	const struct http_request *const *q = arg;

	return (*q)->query(*q, key);
}

void serve_answer(struct api *api, const struct http_request *q, struct http_reply *ret)
{
	struct request asked = {
		.method = q->method,
		.path = q->path,
		.query = query,
		.query_arg = &q,
		.body = q->body,
		.body_len = q->body_len,
		.if_none_match = q->field(q, "If-None-Match"),
		.headers = { .host = q->field(q, "Host"),
			.origin = q->field(q, "Origin"),
			.fetch_site = q->field(q, "Sec-Fetch-Site"),
			.content_type = q->field(q, "Content-Type") },
	};
	struct reply r;

	api_answer(api, &asked, &r);
	put_reply(ret, &r);
}

void serve_refusal(void *arg, unsigned status, struct http_reply *ret)
{
	struct reply r = { 0 };

	(void)arg;
	api_detail(&r, status,
		status == 413 ? "the body is larger than 1 MB" : "too much at once; try again");
	put_reply(ret, &r);
}

bool serve_is_light(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, "/health") == 0 || strcmp(path, "/") == 0;
}
