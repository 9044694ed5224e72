/*
 * monitor/http.c - see monitor/http.h.
 *
 * CURLOPT_MAXFILESIZE does not bound an answer whose size is not announced, so both callbacks
 * count. CURLOPT_ACCEPT_ENCODING stays unset: a small compressed answer could unpack to anything.
 */
#include "monitor/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "monitor/libcurl.h"

#define HEAD_MAX	     (16u << 10)
#define CONNECTIONS_PER_HOST 64L
#define CONNECTIONS_KEPT     64L

struct buffer {
	char *data;
	size_t len, cap, max;
	bool over;
};

struct http_call {
	struct http_call *prev, *next;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct buffer head, body;
	char error[CURL_ERROR_SIZE];
	uint64_t began_ns;
	bool given_up;
	bool (*enough)(void *arg, const char *body);
	bool has_enough;
	/* the head of the final answer has come; what follows never ends */
	bool head_only, has_head, is_stream;
	http_fn *fn;
	void *arg;
};

struct socket_watch {
	struct http *http;
	int fd;
	struct loop_watch *watch;
};

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct http_call *calls;
};

/* --- libcurl on the loop --- */

static void collect(struct http *h);
static void give_up(struct http *h, CURLMcode code);

static void act(struct http *h, curl_socket_t fd, int mask)
{
	int running;
	CURLMcode code = curl.curl_multi_socket_action(h->multi, fd, mask, &running);

	collect(h);
	/* a socket that libcurl has closed meanwhile is none of its own */
	if (code != CURLM_OK && code != CURLM_BAD_SOCKET)
		give_up(h, code);
}

static void on_socket_ready(void *arg, uint32_t events)
{
	struct socket_watch *s = arg;
	int mask = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		mask |= CURL_CSELECT_ERR;
	act(s->http, s->fd, mask); /* s may be gone from here on */
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket)
{
	struct http *h = arg;
	struct socket_watch *s = per_socket;
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0u) |
		(what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s) {
			loop_unwatch(h->loop, s->watch);
			free(s);
		}
		(void)curl.curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (s)
		return loop_watch_events(h->loop, s->watch, events) ? -1 : 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	s->http = h;
	s->fd = fd;
	if (loop_watch(h->loop, fd, events, on_socket_ready, s, &s->watch)) {
		free(s);
		return -1;
	}
	(void)curl.curl_multi_assign(h->multi, fd, s);
	return 0;
}

static int on_timeout_wanted(CURLM *multi, long ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_clear(h->loop, &h->timer);
	else if (loop_timer_set(h->loop, &h->timer, clock_boot_ns() + (uint64_t)ms * NS_PER_MS))
		return -1;
	return 0;
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* --- one call --- */

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
	(void)curl.curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->has_head = status >= 200;
	return c->has_head && c->is_stream && c->head_only ? 0 : bytes;
}

static void release(struct http_call *c)
{
	struct http *h = c->http;

	if (c->easy) {
		(void)curl.curl_multi_remove_handle(h->multi, c->easy);
		curl.curl_easy_cleanup(c->easy);
	}
	if (c->prev)
		c->prev->next = c->next;
	else if (h->calls == c)
		h->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	curl.curl_slist_free_all(c->headers);
	curl.curl_slist_free_all(c->connect_to);
	free(c->head.data);
	free(c->body.data);
	free(c);
}

void http_cancel(struct http *h, struct http_call *c)
{
	(void)h;
	if (c)
		release(c);
}

static void explain(const struct http_call *c, CURLcode code, char why[static HTTP_WHY_MAX])
{
	if (c->body.over)
		(void)snprintf(
			why, HTTP_WHY_MAX, "the answer is larger than %zu bytes", c->body.max);
	else if (c->head.over)
		(void)snprintf(why, HTTP_WHY_MAX, "the head of the answer is larger than %u bytes",
			HEAD_MAX);
	else
		str_visible(
			why, HTTP_WHY_MAX, c->error[0] ? c->error : curl.curl_easy_strerror(code));
}

static void finish(struct http_call *c, CURLcode code)
{
	bool enough = c->has_enough || (c->head_only && c->has_head);
	struct http_answer a = { .ok = code == CURLE_OK || enough,
		.body = c->body.data ? c->body.data : "",
		.len = c->body.data ? c->body.len : 0 };

	a.head = c->head.data ? c->head.data : "";
	a.took_us = (uint32_t)((clock_boot_ns() - c->began_ns) / 1000);
	(void)curl.curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a.status);
	if (!a.ok)
		explain(c, code, a.why);
	c->fn(c->arg, &a);
	release(c);
}

static void collect(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl.curl_multi_info_read(h->multi, &left))) {
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl.curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finish(c, m->data.result);
	}
}

/* A callback of ours had failed: libcurl then never calls back again, not even for a timeout, until
 * it has no transfer left. So all that are under way end here; those that their ends begin go
 * on. */
static void give_up(struct http *h, CURLMcode code)
{
	struct http_call *c;

	say(SAY_ERROR, "libcurl has given up what was under way (error %d)", (int)code);
	for (c = h->calls; c; c = c->next)
		c->given_up = true;
	for (c = h->calls; c; c = c ? c->next : h->calls) {
		if (!c->given_up) // NOLINT(clang-analyzer-unix.Malloc): it does not see that what is freed is no longer in the list
			continue;
		finish(c, CURLE_ABORTED_BY_CALLBACK);
		c = NULL; /* anything may have gone with it: from the beginning again */
	}
}

static bool set_up(struct http_call *c, const struct http_ask *q)
{
	static const char local[] = "localhost,127.0.0.1,::1,[::1]";
	CURL *e = c->easy;
	const char *ca = getenv("MCP_MESH_REGISTRY_CA");
	bool ok = true;

#define SET(option, value) (ok = ok && curl.curl_easy_setopt(e, option, value) == CURLE_OK)
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
	if (ca && ca[0])
		SET(CURLOPT_CAINFO, ca);
	if (q->connect_to) {
		c->connect_to = curl.curl_slist_append(NULL, q->connect_to);
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
		struct curl_slist *more = curl.curl_slist_append(c->headers, q->headers[i]);

		ok = ok && more;
		c->headers = more ? more : c->headers;
	}
	SET(CURLOPT_HTTPHEADER, c->headers);
#undef SET
	return ok;
}

static int init_libcurl(struct http *h)
{
	if (h->multi)
		return 0;
	if (libcurl_load() < 0)
		return -ENOSYS;
	h->multi = curl.curl_multi_init();
	if (!h->multi)
		return -ENOMEM;
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
	(void)curl.curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return 0;
}

int http_send(
	struct http *h, const struct http_ask *ask, http_fn *fn, void *arg, struct http_call **ret)
{
	struct http_call *c;

	int r = init_libcurl(h);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->http = h;
	c->fn = fn;
	c->arg = arg;
	c->head.max = HEAD_MAX;
	c->body.max = ask->body_max;
	c->head_only = ask->head_only;
	c->enough = ask->enough;
	c->began_ns = clock_boot_ns();
	c->next = h->calls;
	if (h->calls)
		h->calls->prev = c;
	h->calls = c;
	c->easy = curl.curl_easy_init();
	if (!c->easy || !set_up(c, ask)) {
		release(c);
		return -ENOMEM;
	}
	if (curl.curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		release(c);
		return -EINVAL;
	}
	if (ret)
		*ret = c;
	return 0;
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

int http_new(struct loop *l, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->loop = l;
	loop_timer_init(&h->timer, on_timer, h);
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->calls)
		release(h->calls); // NOLINT(clang-analyzer-unix.Malloc): as in give_up()
	loop_timer_clear(h->loop, &h->timer);
	if (h->multi) {
		(void)curl.curl_multi_cleanup(h->multi);
		curl.curl_global_cleanup();
	}
	free(h);
}
