/* monitor/probe_http.c - probes over the network: http and tcp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"
#include "base/str.h"
#include "monitor/listener.h"
#include "monitor/probe.h"

#define BODY_MAX (256u << 10)

static const char *why_unwanted(
	const struct health_probe *c, const struct http_answer *a, char buf[static HTTP_WHY_MAX])
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
	if (p->port && !why)
		p->w->own_port = (uint16_t)p->port;
	if (p->port && why && p->on_trial)
		probe_done(p, PROBE_NO_RESULT,
			"not probed: it has not passed yet at the registry's port");
	else
		probe_done(p, why ? PROBE_FAILED : PROBE_PASSED, why ? why : "");
}

/*
 * A probe without an address goes to the port that the registry lists. But anybody may register
 * anything there, so the registry's word is a hint and no more. Probed is loopback, and only where
 * the process or one below it listens. A port at which a probe has passed is kept for the rest of
 * the run, whatever else is registered. Until then failures count only if it listens at no other
 * port: else a lie could name one of its ports that was never meant to be asked. False: it is not
 * probed, and that was told.
 */
static bool find_port(struct probe *p, struct listener *at)
{
	struct watch *w = p->w;
	const char *said = w->health.registry_endpoint;
	unsigned hint = listener_port(said), own = w->own_port;

	int r = 0;

	p->on_trial = false;
	p->port = own;
	if (own && (r = listener_find(w->life.pid, own, at)) == 0 && at->listens)
		return true;
	p->port = hint;
	if (hint && r == 0 && (r = listener_find(w->life.pid, hint, at)) == 0 && at->listens) {
		p->on_trial = !at->alone && !own;
		return true;
	}
	if (r < 0) /* no memory to look */
		probe_done(p, PROBE_NO_RESULT, "");
	else if (own) /* it has served there itself, so this is its own doing */
		probe_done(p, PROBE_FAILED, "it no longer listens where it was probed before");
	else if (!said[0]) /* where it listens is not known before it has registered */
		probe_done(p, PROBE_NO_RESULT, "");
	else
		probe_done(p, PROBE_NO_RESULT,
			"not probed: it does not listen at the registry's port for it");
	return false;
}

/* Of a probe without an address. */
static bool find_address(struct probe *p, char *url, size_t size, char *to, size_t to_size)
{
	struct listener at = { 0 };
	const char *scheme = strncmp(p->w->health.registry_endpoint, "https:", 6) == 0 ? "https"
										       : "http";

	if (!find_port(p, &at))
		return false;
	(void)snprintf(url, size, "%s://localhost:%u%s", scheme, p->port, p->conf->path);
	(void)snprintf(to, to_size, "::%s:%u", at.host, p->port);
	return true;
}

void probe_http_begin(struct probe *p)
{
	const struct health_probe *c = p->conf;
	char url[sizeof(c->url) + sizeof(c->path) + 16], to[LISTENER_TEXT + 16];
	struct http_ask q = { .url = url, .timeout_ms = c->timeout_ms, .body_max = BODY_MAX };

	p->port = 0;
	if (c->kind == HEALTH_TCP) {
		(void)snprintf(url, sizeof(url), "http://%s", c->url);
	} else if (c->url[0]) {
		(void)str_copy(url, sizeof(url), c->url);
	} else {
		if (!find_address(p, url, sizeof(url), to, sizeof(to)))
			return;
		q.connect_to = to;
	}
	q.head_only = !c->match[0];
	q.connect_only = c->kind == HEALTH_TCP;
	q.method = c->method[0] ? c->method : NULL;
	q.headers[0] = c->header[0] ? c->header : NULL;
	if (http_send(p->w->mo->http, &q, on_answer, p, &p->call) < 0)
		probe_done(p, PROBE_FAILED, "its address can't be used");
}
