/* monitor/registry.c - see monitor/registry.h. */
#include "monitor/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "base/str.h"
#include "config/cliconf.h"
#include "config/redact.h"
#include "json/write.h"
#include "http/client.h"
#include "monitor/judge.h"
#include "monitor/publish.h"
#include "monitor/regjson.h"
#include "shm/events.h"
#include "shm/owner.h"

#define ANSWER_MS    5000u
#define ANSWER_MAX   (8u << 20)
#define URL_MAX	     sizeof(((struct pt_monitor *)0)->registry_url)
#define AWAIT_ASK_NS (500 * NS_PER_MS) /* between requests while a new agent is not listed yet */

struct registry {
	struct monitor *mo;
	struct loop_timer ask_timer;
	struct http_call *call;
	uint64_t asked_boot_ns;
	char url[URL_MAX];
	char shown_url[URL_MAX]; /* without the login that it may hold */
	char etag[160], modified[64];
	bool known; /* list is of an answer of this address */
	struct reg_list list;
	uint64_t shown_hash; /* of what run/agents.json holds */
};

/* --- whom to ask --- */

static bool url_from_file(const struct home *h, char url[static URL_MAX])
{
	char text[URL_MAX * 2];
	int n = h->run_fd >= 0 ? io_read_small(h->run_fd, HOME_REGISTRY_FILE, text, sizeof(text))
			       : -ENOENT;

	if (n <= 0)
		return false;
	text[strcspn(text, "\r\n")] = 0;
	return text[0] && str_copy(url, URL_MAX, text);
}

static void url_from_config(const struct home *h, char url[static URL_MAX])
{
	struct cliconf conf;
	struct conf_errors e;
	const char *host = "localhost";
	int64_t port = 8080;
	bool known = cliconf_load(h->fd, CLICONF_FILE, environ, &conf, &e) == 0;

	if (known) {
		host = cliconf_text(&conf, CONF_REGISTRY_HOST);
		port = cliconf_number(&conf, CONF_REGISTRY_PORT);
	} else {
		say(SAY_WARNING, "%s; the registry is looked for at http://localhost:8080", e.text);
	}
	(void)snprintf(url, URL_MAX,
		strchr(host, ':') && host[0] != '[' ? "http://[%.120s]:%d" : "http://%.120s:%d",
		host, (int)port);
	if (known)
		cliconf_done(&conf);
}

/* What "tend start" wrote down, else the environment, else the configuration. */
static void find_url(const struct home *h, char url[static URL_MAX])
{
	const char *env = getenv("MCP_MESH_REGISTRY_URL");
	size_t len;

	if (!url_from_file(h, url)) {
		if (env && env[0])
			(void)str_copy(url, URL_MAX, env);
		else
			url_from_config(h, url);
	}
	for (len = strlen(url); len > 0 && url[len - 1] == '/'; len--)
		url[len - 1] = 0;
}

static void forget_answer(struct registry *r)
{
	reglist_done(&r->list);
	r->known = false;
	r->etag[0] = r->modified[0] = 0;
}

static void refresh_url(struct registry *r)
{
	char url[URL_MAX];

	find_url(&r->mo->home, url);
	if (strcmp(url, r->url) == 0)
		return;
	memcpy(r->url, url, sizeof(url));
	redact_copy(r->shown_url, sizeof(r->shown_url), url);
	memcpy(r->mo->state.registry_url, r->shown_url, sizeof(r->shown_url));
	forget_answer(r);
}

/* --- what it says --- */

static void tell_state(struct registry *r, enum pt_registry to, const char *why)
{
	struct pt_monitor *s = &r->mo->state;
	struct pt_event ev = {
		.kind = PT_EVENT_REGISTRY, .from = s->registry_state, .to = (uint8_t)to
	};

	(void)str_copy(s->registry_error, sizeof(s->registry_error), why);
	if (s->registry_state == to)
		return;
	s->registry_state = (uint8_t)to;
	s->registry_since_real_ns = clock_real_ns();
	(void)str_copy(ev.name, sizeof(ev.name), "registry");
	pt_event_add(r->mo->pt, &ev);
	if (to == PT_REGISTRY_UNREACHABLE)
		say(SAY_WARNING, "%s", why);
	else
		say(SAY_INFO, "the registry at %s answers", r->shown_url);
}

static void enter_missing(struct pt_health *h)
{
	h->listing = PT_LISTING_MISSING;
	h->registry_alive = 0;
	h->capabilities = h->dependencies = h->dependencies_resolved = 0;
	h->registry_seen_real_ns = 0;
	h->registry_status[0] = h->registry_id[0] = h->registry_endpoint[0] = 0;
}

static void enter_listed(struct pt_health *h, const struct reg_entry *e, uint64_t now)
{
	h->listing = PT_LISTING_LISTED;
	h->registry_alive = reg_is_alive(e, now);
	h->capabilities = e->capabilities;
	h->dependencies = e->dependencies;
	h->dependencies_resolved = e->dependencies_resolved;
	h->registry_seen_real_ns = e->seen_real_ns;
	(void)str_copy(h->registry_status, sizeof(h->registry_status), e->status);
	(void)str_copy(h->registry_id, sizeof(h->registry_id), e->id);
	(void)str_copy(h->registry_endpoint, sizeof(h->registry_endpoint), e->endpoint);
}

void registry_apply(struct registry *r, struct watch *w)
{
	const struct reg_entry *e;

	if (w->service != PT_SERVICE_AGENT)
		return;
	if (w->no_registry) {
		enter_missing(&w->health);
		w->health.listing = PT_LISTING_NONE;
		return;
	}
	if (!r->known || r->mo->state.registry_state != PT_REGISTRY_REACHABLE) {
		w->health.listing = PT_LISTING_UNKNOWN; /* what it said before stays to be seen */
		return;
	}
	e = reglist_find(&r->list, w->name);
	w->health.listed_real_ns = r->mo->state.registry_answered_real_ns;
	if (!e) {
		enter_missing(&w->health);
		return;
	}
	enter_listed(&w->health, e, clock_real_ns());
	w->was_listed = true;
}

static bool is_asked_about(const struct watch *w)
{
	return w && w->service == PT_SERVICE_AGENT && w->alive == VERDICT_ALIVE && !w->no_registry;
}

static void apply_all(struct registry *r)
{
	struct monitor *mo = r->mo;

	(void)pt_put_monitor(mo->pt, &mo->state);
	for (uint32_t i = 0; i < mo->slots; i++) {
		struct watch *w = mo->by_slot[i];

		if (!is_asked_about(w))
			continue;
		registry_apply(r, w);
		judge(w);
	}
}

/* The file has it now. */
static void drop_shown(struct registry *r)
{
	free(r->list.shown);
	r->list.shown = NULL;
}

static int write_list(const struct registry *r)
{
	struct json_out o = { .one_line = true };
	int e;

	json_open(&o, NULL, '{');
	json_text(&o, "url", r->shown_url);
	json_time(&o, "asked", r->mo->state.registry_answered_real_ns);
	json_raw(&o, "agents", r->list.shown, strlen(r->list.shown));
	json_close(&o);
	json_raw(&o, NULL, "\n", 1);
	e = json_end(&o);
	if (e == 0)
		e = io_replace(r->mo->home.run_fd, HOME_AGENTS_FILE, o.text, o.len, IO_NO_SYNC);
	json_free(&o);
	return e;
}

/* For the CLI, which speaks no HTTP. */
static void show_list(struct registry *r)
{
	uint64_t hash;
	int e = 0;

	if (!r->list.shown || r->mo->home.run_fd < 0)
		return;
	hash = str_hash(str_hash(STR_HASH_SEED, r->list.shown, strlen(r->list.shown)), r->url,
		strlen(r->url));
	if (hash != r->shown_hash)
		e = write_list(r);
	if (e < 0) {
		say(SAY_WARNING, "can't write run/agents.json: %s", strerror(-e));
		return;
	}
	r->shown_hash = hash;
	drop_shown(r);
}

static void take_list(struct registry *r, const struct http_answer *a, struct reg_list *list)
{
	reglist_done(&r->list);
	r->list = *list;
	r->known = true;
	(void)http_field(a, "ETag", r->etag, sizeof(r->etag));
	(void)http_field(a, "Last-Modified", r->modified, sizeof(r->modified));
	r->mo->state.registry_agents = (uint32_t)list->n;
}

/* Understand the answer. False: why says what is wrong. */
static bool read_answer(struct registry *r, const struct http_answer *a, char why[static FAULT_MAX])
{
	struct reg_list list;
	struct fault f = { "" };

	if (!a->ok) {
		(void)snprintf(why, FAULT_MAX, "no answer: %s", a->why);
		return false;
	}
	if (a->status == 304 && r->known)
		return true;
	if (a->status != 200) {
		(void)snprintf(why, FAULT_MAX, "it answered with status %ld", a->status);
		return false;
	}
	if (regjson_parse(a->body, a->len, clock_real_ns(), &list, &f) < 0) {
		(void)str_copy(why, FAULT_MAX, f.text);
		return false;
	}
	take_list(r, a, &list);
	return true;
}

static void on_answer(void *arg, const struct http_answer *a)
{
	struct registry *r = arg;
	char why[FAULT_MAX], text[FAULT_MAX + URL_MAX + 32];

	r->call = NULL;
	if (read_answer(r, a, why)) {
		r->mo->state.registry_answered_real_ns = clock_real_ns();
		tell_state(r, PT_REGISTRY_REACHABLE, "");
		show_list(r);
	} else {
		forget_answer(r);
		(void)snprintf(text, sizeof(text), "registry %s: %s", r->shown_url, why);
		tell_state(r, PT_REGISTRY_UNREACHABLE, text);
	}
	apply_all(r);
}

/* --- when --- */

static void ask(void *arg)
{
	struct registry *r = arg;
	struct pt_monitor *s = &r->mo->state;
	char url[URL_MAX + 16], match[192], since[96];
	struct http_ask q = { .url = url, .timeout_ms = ANSWER_MS, .body_max = ANSWER_MAX };
	unsigned n = 0;
	int e;

	if (r->call)
		return;
	r->asked_boot_ns = clock_boot_ns();
	refresh_url(r);
	(void)snprintf(url, sizeof(url), "%s/agents", r->url);
	q.headers[n++] = "Accept: application/json";
	if (r->known && r->etag[0]) {
		(void)snprintf(match, sizeof(match), "If-None-Match: %s", r->etag);
		q.headers[n++] = match;
	}
	if (r->known && r->modified[0]) {
		(void)snprintf(since, sizeof(since), "If-Modified-Since: %s", r->modified);
		q.headers[n++] = since;
	}
	s->registry_asked_real_ns = clock_real_ns();
	s->requests++;
	e = http_send(r->mo->http, &q, on_answer, r, &r->call);
	if (e < 0) {
		struct http_answer none = { .body = "", .head = "" };

		(void)snprintf(none.why, sizeof(none.why), "can't ask: %s", strerror(-e));
		on_answer(r, &none);
	}
}

/* Is anyone to be asked about, and is one of them new? */
static bool is_needed(const struct registry *r, bool *ret_awaited)
{
	const struct monitor *mo = r->mo;
	uint64_t now = clock_boot_ns();
	bool needed = false;

	*ret_awaited = false;
	for (uint32_t i = 0; i < mo->slots; i++) {
		const struct watch *w = mo->by_slot[i];

		if (!is_asked_about(w))
			continue;
		needed = true;
		if (now - w->life.start_boot_ns < VERDICT_AWAIT_NS &&
			w->health.verdict != PT_HEALTH_HEALTHY)
			*ret_awaited = true;
	}
	return needed;
}

void registry_arm(struct registry *r)
{
	uint64_t period = r->mo->interval_ns, at;
	bool awaited;

	if (!is_needed(r, &awaited)) {
		loop_timer_clear(r->mo->loop, &r->ask_timer);
		return;
	}
	if (r->call)
		return;
	if (awaited && AWAIT_ASK_NS < period)
		period = AWAIT_ASK_NS;
	at = r->asked_boot_ns ? r->asked_boot_ns + period : clock_boot_ns();
	if (at != r->ask_timer.at_boot_ns && loop_timer_set(r->mo->loop, &r->ask_timer, at))
		say(SAY_ERROR, "no memory for a timer; the registry is not asked");
}

int registry_new(struct monitor *mo, struct registry **ret)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->mo = mo;
	loop_timer_init(&r->ask_timer, ask, r);
	*ret = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	http_cancel(r->mo->http, r->call);
	loop_timer_clear(r->mo->loop, &r->ask_timer);
	reglist_done(&r->list);
	/* an orderly end: nobody keeps it up to date */
	(void)unlinkat(r->mo->home.run_fd, HOME_AGENTS_FILE, 0);
	free(r);
}
