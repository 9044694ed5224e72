/* monitor/probe_http.c - probes over the network: http, tcp, and MCP's initialize and ping. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/regex.h"
#include "base/str.h"
#include "monitor/probe.h"

#define BODY_MAX (256u << 10)

static const char *why_unwanted(const struct health_probe *c, const struct http_answer *a, char buf[static HTTP_WHY_MAX])
{
	regex_t re;
	int r;

	if (!a->ok)
		return a->why;
	if (c->kind == HEALTH_TCP)
		return NULL;
	if (a->status < (long)c->status_min || a->status > (long)c->status_max) {
		(void)snprintf(buf, HTTP_WHY_MAX, "it answered with status %ld", a->status);
		return buf;
	}
	if (!c->match[0])
		return NULL;
	if (regex_compile(&re, c->match, 0, NULL))
		return "its regular expression can't be used";
	r = regexec(&re, a->body, 0, NULL, 0);
	regfree(&re);
	return r ? "the answer does not match" : NULL;
}

static void on_answer(void *arg, const struct http_answer *a)
{
	struct probe *p = arg;
	char buf[HTTP_WHY_MAX];
	const char *why = why_unwanted(p->conf, a, buf);

	p->call = NULL;
	probe_done(p, why ? PROBE_FAILED : PROBE_PASSED, why ? why : "");
}

void probe_http_begin(struct probe *p)
{
	const struct health_probe *c = p->conf;
	char url[sizeof(c->url) + sizeof(c->path) + 16];
	struct http_ask q = { .url = url, .timeout_ms = c->timeout_ms, .body_max = BODY_MAX };

	if (!c->url[0] && !p->w->health.registry_endpoint[0]) { /* where it listens is not known before it has registered */
		probe_done(p, PROBE_NO_RESULT, "");
		return;
	}
	if (c->kind == HEALTH_TCP)
		(void)snprintf(url, sizeof(url), "http://%s", c->url);
	else if (c->url[0])
		(void)str_copy(url, sizeof(url), c->url);
	else
		(void)snprintf(url, sizeof(url), "%s%s", p->w->health.registry_endpoint, c->path);
	q.connect_only = c->kind == HEALTH_TCP;
	q.method = c->method[0] ? c->method : NULL;
	q.headers[0] = c->header[0] ? c->header : NULL;
	if (http_send(p->w->mo->http, &q, on_answer, p, &p->call) < 0)
		probe_done(p, PROBE_FAILED, "its address can't be used");
}

/* --- MCP: JSON-RPC over HTTP, the answer as JSON or as an event of a stream --- */

/* The first "data:" of a stream of events, else the body itself. */
static const char *message_of(const struct http_answer *a)
{
	char type[96];

	(void)http_field(a, "Content-Type", type, sizeof(type));
	if (strncasecmp(type, "text/event-stream", 17) != 0)
		return a->body;
	for (const char *line = a->body; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, "data:", 5) == 0)
			return line + 5;
	return "";
}

static const char *why_no_result(const struct http_answer *a, int id)
{
	cJSON *doc;
	const char *why = NULL;
	const cJSON *number;

	if (!a->ok)
		return a->why;
	if (a->status != 200)
		return "it did not answer with status 200";
	doc = cJSON_Parse(message_of(a));
	number = cJSON_GetObjectItemCaseSensitive(doc, "id");
	if (!doc)
		why = "its answer is no JSON-RPC";
	else if (cJSON_HasObjectItem(doc, "error"))
		why = "it answered with an error";
	else if (!cJSON_IsNumber(number) || number->valueint != id || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(doc, "result")))
		why = "its answer is no result of the request";
	cJSON_Delete(doc);
	return why;
}

static void on_mcp(void *arg, const struct http_answer *a);

static void send_mcp(struct probe *p, const char *body)
{
	char session[sizeof(p->session) + 24];
	struct http_ask q = { .url = p->conf->url, .body = body, .timeout_ms = p->conf->timeout_ms, .body_max = BODY_MAX };
	unsigned n = 0;

	q.headers[n++] = "Content-Type: application/json";
	q.headers[n++] = "Accept: application/json, text/event-stream";
	if (p->conf->header[0])
		q.headers[n++] = p->conf->header;
	if (p->session[0]) {
		(void)snprintf(session, sizeof(session), "Mcp-Session-Id: %s", p->session);
		q.headers[n++] = session;
	}
	if (http_send(p->w->mo->http, &q, on_mcp, p, &p->call) < 0)
		probe_done(p, PROBE_FAILED, "its address can't be used");
}

static void on_mcp(void *arg, const struct http_answer *a)
{
	struct probe *p = arg;
	const char *why = why_no_result(a, p->initialized ? 2 : 1);

	p->call = NULL;
	if (why || p->initialized) {
		p->initialized = false;
		probe_done(p, why ? PROBE_FAILED : PROBE_PASSED, why ? why : "");
		return;
	}
	p->initialized = true;
	(void)http_field(a, "Mcp-Session-Id", p->session, sizeof(p->session));
	send_mcp(p, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
}

void probe_mcp_begin(struct probe *p)
{
	p->initialized = false;
	p->session[0] = 0;
	send_mcp(p, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-03-26\",\"capabilities\":{},"
		    "\"clientInfo\":{\"name\":\"tend\",\"version\":\"" TEND_VERSION "\"}}}");
}
