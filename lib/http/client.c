/* http/client.c - libcurl on the event loop (http/client.h). */
#include "http/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "http/client_private.h"

#define CONNECTIONS_PER_HOST 64L
#define CONNECTIONS_KEPT     64L

struct socket_watch {
	struct http *http;
	int fd;
	struct loop_watch *watch;
};

/* --- libcurl on the loop --- */

static void tell(struct http *h, const char *text)
{
	if (h->trouble)
		h->trouble(h->arg, text);
}

static void collect(struct http *h);
static void give_up(struct http *h, CURLMcode code);

static void act(struct http *h, curl_socket_t fd, int mask)
{
	int running;
	CURLMcode code = h->curl.curl_multi_socket_action(h->multi, fd, mask, &running);

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
		(void)h->curl.curl_multi_assign(h->multi, fd, NULL);
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
	(void)h->curl.curl_multi_assign(h->multi, fd, s);
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

void http_cancel(struct http *h, struct http_call *c)
{
	(void)h;
	if (c)
		http_call_release(c);
}

static void collect(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = h->curl.curl_multi_info_read(h->multi, &left))) {
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)h->curl.curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		http_call_finish(c, m->data.result);
	}
}

/* A callback of ours had failed: libcurl then never calls back again, not even for a timeout, until
 * it has no transfer left. So all that are under way end here; those that their ends begin go
 * on. */
static void give_up(struct http *h, CURLMcode code)
{
	struct http_call *c;

	char text[80];

	(void)snprintf(text, sizeof(text), "libcurl has given up what was under way (error %d)",
		(int)code);
	tell(h, text);
	for (c = h->calls; c; c = c->next)
		c->given_up = true;
	for (c = h->calls; c; c = c ? c->next : h->calls) {
		if (!c->given_up) // NOLINT(clang-analyzer-unix.Malloc): it does not see that what is freed is no longer in the list
			continue;
		http_call_finish(c, CURLE_ABORTED_BY_CALLBACK);
		c = NULL; /* anything may have gone with it: from the beginning again */
	}
}

static int init_libcurl(struct http *h)
{
	struct fault f;

	if (h->multi)
		return 0;
	if (h->missing)
		return -ENOSYS;
	if (libcurl_load(&h->curl, &f) < 0) {
		h->missing = true;
		tell(h, f.text);
		return -ENOSYS;
	}
	h->multi = h->curl.curl_multi_init();
	if (!h->multi)
		return -ENOMEM;
	(void)h->curl.curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)h->curl.curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)h->curl.curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	(void)h->curl.curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)h->curl.curl_multi_setopt(
		h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
	(void)h->curl.curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
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
	c->head.max = HTTP_HEAD_MAX;
	c->body.max = ask->body_max;
	c->head_only = ask->head_only;
	c->enough = ask->enough;
	c->began_ns = clock_boot_ns();
	c->next = h->calls;
	if (h->calls)
		h->calls->prev = c;
	h->calls = c;
	c->easy = h->curl.curl_easy_init();
	if (!c->easy || !http_call_set_up(c, ask)) {
		http_call_release(c);
		return -ENOMEM;
	}
	if (h->curl.curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		http_call_release(c);
		return -EINVAL;
	}
	if (ret)
		*ret = c;
	return 0;
}

int http_new(const struct http_setup *s, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct http){ .loop = s->loop, .trouble = s->trouble, .arg = s->arg };
	if (s->ca_file && s->ca_file[0] && !(h->ca_file = strdup(s->ca_file))) {
		free(h);
		return -ENOMEM;
	}
	loop_timer_init(&h->timer, on_timer, h);
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->calls)
		http_call_release(h->calls); // NOLINT(clang-analyzer-unix.Malloc): as in give_up()
	loop_timer_clear(h->loop, &h->timer);
	if (h->multi) {
		(void)h->curl.curl_multi_cleanup(h->multi);
		h->curl.curl_global_cleanup();
	}
	free(h->ca_file);
	free(h);
}
