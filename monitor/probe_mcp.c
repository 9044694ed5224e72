/*
 * monitor/probe_mcp.c - MCP over HTTP as a probe: JSON-RPC's initialize and ping, answered as JSON
 * or as an event of a stream. A session that the server opens is ended, however the probe ends.
 */
#define _GNU_SOURCE 1
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "monitor/mcpstream.h"
#include "monitor/probe.h"

#define BODY_MAX  (256u << 10)
#define DELETE_MS 2000u
#define INITIALIZE \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
	"\"2025-03-26\",\"capabilities\":{},\"clientInfo\":{\"name\":\"tend\",\"version\":\"" TEND_VERSION \
	"\"}}}"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}"

static int id_of(const struct probe *p)
{
	return p->initialized ? 2 : 1;
}

static bool is_stream(const struct http_answer *a)
{
	char type[96];

	return http_field(a, "Content-Type", type, sizeof(type)) &&
		strncasecmp(type, "text/event-stream", 17) == 0;
}

/* The stream may stay open behind the answer. */
static bool has_answer(void *arg, const char *body)
{
	struct probe *p = arg;

	p->reply = p->reply ? p->reply : mcpstream_next(body, &p->scanned, id_of(p), false);
	return p->reply != NULL;
}

static const char *why_no_result(struct probe *p, const struct http_answer *a)
{
	const char *why = NULL;
	cJSON *doc;

	if (!a->ok)
		return a->why;
	if (a->status != 200)
		return "it did not answer with status 200";
	if (is_stream(a) && !p->reply)
		p->reply = mcpstream_next(a->body, &p->scanned, id_of(p), true);
	if (is_stream(a) && !p->reply)
		return "its stream ended without a result of the request";
	doc = cJSON_Parse(p->reply ? p->reply : a->body);
	if (!doc)
		why = "its answer is not JSON-RPC";
	else if (!mcpstream_is_reply(doc, id_of(p)))
		why = "its answer is not a result of the request";
	else if (cJSON_HasObjectItem(doc, "error"))
		why = "it answered with an error";
	cJSON_Delete(doc);
	return why;
}

static void forget_reply(struct probe *p)
{
	free(p->reply);
	p->reply = NULL;
	p->scanned = 0;
}

static unsigned add_headers(const struct probe *p, struct http_ask *q, char *session, size_t size)
{
	unsigned n = 0;

	if (p->conf->header[0])
		q->headers[n++] = p->conf->header;
	if (p->session[0]) {
		(void)snprintf(session, size, "Mcp-Session-Id: %s", p->session);
		q->headers[n++] = session;
	}
	return n;
}

static void on_deleted(void *arg, const struct http_answer *a)
{
	(void)arg;
	(void)a; /* a server may refuse to have its sessions ended */
}

/* Nobody waits for it, and the probe may be gone by then. */
static void end_session(struct probe *p)
{
	char session[sizeof(p->session) + 24];
	struct http_ask q = { .url = p->conf->url,
		.method = "DELETE",
		.timeout_ms = DELETE_MS,
		.body_max = BODY_MAX };

	if (!p->session[0])
		return;
	(void)add_headers(p, &q, session, sizeof(session));
	(void)http_send(p->w->mo->http, &q, on_deleted, NULL, NULL);
	p->session[0] = 0;
}

static void on_mcp(void *arg, const struct http_answer *a);

static void send_mcp(struct probe *p, const char *body)
{
	char session[sizeof(p->session) + 24];
	struct http_ask q = { .url = p->conf->url,
		.body = body,
		.timeout_ms = p->conf->timeout_ms,
		.body_max = BODY_MAX };
	unsigned n = add_headers(p, &q, session, sizeof(session));

	forget_reply(p);
	q.enough = has_answer;
	q.headers[n++] = "Content-Type: application/json";
	q.headers[n++] = "Accept: application/json, text/event-stream";
	if (http_send(p->w->mo->http, &q, on_mcp, p, &p->call) < 0) {
		end_session(p);
		probe_done(p, PROBE_FAILED, "its address can't be used");
	}
}

static void on_mcp(void *arg, const struct http_answer *a)
{
	struct probe *p = arg;
	const char *why = why_no_result(p, a);

	p->call = NULL;
	forget_reply(p);
	if (!p->initialized)
		(void)http_field(a, "Mcp-Session-Id", p->session, sizeof(p->session));
	if (!why && !p->initialized) {
		p->initialized = true;
		send_mcp(p, PING);
		return;
	}
	end_session(p);
	probe_done(p, why ? PROBE_FAILED : PROBE_PASSED, why ? why : "");
}

void probe_mcp_begin(struct probe *p)
{
	p->initialized = false;
	p->session[0] = 0;
	send_mcp(p, INITIALIZE);
}

void probe_mcp_cancel(struct probe *p)
{
	forget_reply(p);
	end_session(p);
}
