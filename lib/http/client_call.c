/*
 * http/client_call.c - one request and its answer (http/client.h).
 *
 * CURLOPT_MAXFILESIZE does not bound an answer whose size is not announced, so both callbacks
 * count. CURLOPT_ACCEPT_ENCODING stays unset: a small compressed answer could unpack to anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/client_private.h"

static size_t take(struct buffer *b, const char *data, size_t n)
{
	if (n > b->max - b->len) {
		b->over = true;
		return 0;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 4096;

		while (cap < b->len + n + 1)
			cap *= 2;
		char *more = realloc(b->data, cap);
		if (!more)
			return 0;
		b->data = more;
		b->cap = cap;
	}
	memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = 0;
	return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;

	if (c->head_only) { /* read, so that the connection can be used again, unless it is much */
		c->body.len += size * n;
		return c->is_stream || c->body.len > c->body.max ? 0 : size * n;
	}
	if (take(&c->body, data, size * n) != size * n)
		return 0;
	c->has_enough = c->enough && c->is_stream && c->enough(c->arg, c->body.data);
	return c->has_enough ? 0 : size * n;
}

/* A line of the head, with its end; an empty one ends it. Before the final answer's there may be
 * others (100 Continue). */
static size_t on_head(char *data, size_t size, size_t n, void *arg)
{
	static const char stream[] = "Content-Type: text/event-stream";
	struct http_call *c = arg;
	size_t bytes = size * n;
	long status = 0;

	if (bytes >= sizeof(stream) - 1 && strncasecmp(data, stream, sizeof(stream) - 1) == 0)
		c->is_stream = true;
	if (take(&c->head, data, bytes) != bytes)
		return 0;
	if (bytes > 2 || (data[0] != '\r' && data[0] != '\n'))
		return bytes;
	(void)c->http->curl.curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->has_head = status >= 200;
	return c->has_head && c->is_stream && c->head_only ? 0 : bytes;
}

void http_call_release(struct http_call *c)
{
	struct http *h = c->http;

	if (c->easy) {
		(void)h->curl.curl_multi_remove_handle(h->multi, c->easy);
		h->curl.curl_easy_cleanup(c->easy);
	}
	if (c->prev)
		c->prev->next = c->next;
	else if (h->calls == c)
		h->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->curl.curl_slist_free_all(c->headers);
	h->curl.curl_slist_free_all(c->connect_to);
	free(c->head.data);
	free(c->body.data);
	free(c);
}

static void explain(const struct http_call *c, CURLcode code, char why[static HTTP_WHY_MAX])
{
	if (c->body.over)
		(void)snprintf(
			why, HTTP_WHY_MAX, "the answer is larger than %zu bytes", c->body.max);
	else if (c->head.over)
		(void)snprintf(why, HTTP_WHY_MAX, "the head of the answer is larger than %u bytes",
			HTTP_HEAD_MAX);
	else
		str_visible(why, HTTP_WHY_MAX,
			c->error[0] ? c->error : c->http->curl.curl_easy_strerror(code));
}

void http_call_finish(struct http_call *c, CURLcode code)
{
	bool enough = c->has_enough || (c->head_only && c->has_head);
	struct http_answer a = { .ok = code == CURLE_OK || enough,
		.body = c->body.data ? c->body.data : "",
		.len = c->body.data ? c->body.len : 0 };

	a.head = c->head.data ? c->head.data : "";
	a.took_us = (uint32_t)((clock_boot_ns() - c->began_ns) / 1000);
	(void)c->http->curl.curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a.status);
	if (!a.ok)
		explain(c, code, a.why);
	c->fn(c->arg, &a);
	http_call_release(c);
}

bool http_call_set_up(struct http_call *c, const struct http_ask *q)
{
	static const char local[] = "localhost,127.0.0.1,::1,[::1]";
	CURL *e = c->easy;
	const struct libcurl *lib = &c->http->curl;
	bool ok = true;

#define SET(option, value) (ok = ok && lib->curl_easy_setopt(e, option, value) == CURLE_OK)
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NOPROXY, local);
	SET(CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_HEADERFUNCTION, on_head);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_PRIVATE, c);
	SET(CURLOPT_USERAGENT, "tend/" TEND_VERSION);
	if (c->http->ca_file)
		SET(CURLOPT_CAINFO, c->http->ca_file);
	if (q->connect_to) {
		c->connect_to = lib->curl_slist_append(NULL, q->connect_to);
		ok = ok && c->connect_to;
		SET(CURLOPT_CONNECT_TO, c->connect_to);
	}
	if (q->connect_only)
		SET(CURLOPT_CONNECT_ONLY, 1L);
	if (q->method && strcmp(q->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	if (q->body) {
		SET(CURLOPT_POSTFIELDSIZE, (long)strlen(q->body));
		SET(CURLOPT_COPYPOSTFIELDS, q->body);
	}
	if (q->method)
		SET(CURLOPT_CUSTOMREQUEST, q->method);
	for (unsigned i = 0; i < HTTP_HEADERS_MAX && q->headers[i]; i++) {
		struct curl_slist *more = lib->curl_slist_append(c->headers, q->headers[i]);

		ok = ok && more;
		c->headers = more ? more : c->headers;
	}
	SET(CURLOPT_HTTPHEADER, c->headers);
#undef SET
	return ok;
}

bool http_field(const struct http_answer *a, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);

	buf[0] = 0;
	for (const char *line = a->head; *line;) {
		const char *end = line + strcspn(line, "\r\n");

		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			const char *value = line + len + 1 + strspn(line + len + 1, " \t");

			if (value > end || (size_t)(end - value) >= size)
				return false;
			memcpy(buf, value, (size_t)(end - value));
			buf[end - value] = 0;
			return true;
		}
		line = end + strspn(end, "\r\n");
	}
	return false;
}
