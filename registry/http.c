/*
 * registry/http.c - HTTP around the answers (registry/http.h).
 *
 * libmicrohttpd does its own epoll inside a descriptor that our loop watches; MHD_run() then does what is due and never waits. What a slow or
 * hostile client can hold is one connection with its fixed memory and at most one body.
 */
#include "registry/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"

#define CONNECTION_MEMORY (32u * 1024)
#define DRAIN_MAX	  (8u * 1024 * 1024) /* of a body that is too large so much is read and dropped, so that the client gets to read the answer */
#define BODIES_MAX	  (64u * 1024 * 1024) /* of all requests that are being received */

struct http {
	struct MHD_Daemon *daemon;
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer timer;
	struct api *api;
	http_fn *before, *after;
	void *arg;
	size_t receiving; /* bytes of bodies */
};

struct call { /* one request on its way in */
	char *body;
	size_t len, cap;
	unsigned refused; /* status to answer with as soon as it is all in */
};

static bool is_loopback(const struct addr *at)
{
	const struct sockaddr *sa = (const struct sockaddr *)&at->sa;

	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static int listen_on(const struct addr *at)
{
	int on = 1, fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at->sa, at->len) == 0 && listen(fd, 1024) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static void show(int fd, char shown[static 80])
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[46] = "?", port[8] = "?";

	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		(void)getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(shown, 80, strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

int http_listen(const char *host, unsigned port, bool public, int *ret_fd, char shown[static 80], struct fault *f)
{
	struct addr at[ADDR_MAX];
	const char *why = "";
	char bare[256];
	int n = addr_find(host, port, at, &why), fd = -EADDRNOTAVAIL;

	addr_bare(host, bare, sizeof(bare));
	if (n < 0)
		return fault_set(f, n, "cannot find the address of %s: %s", bare, why);
	for (int i = 0; i < n && !public; i++)
		if (!is_loopback(&at[i]))
			return fault_set(f, -EACCES, "%s is not a loopback address: anyone who reaches it could register agents; --public allows that",
					 bare);
	for (int i = 0; i < n && fd < 0; i++) /* 127.0.0.1 first: every client finds it */
		if (at[i].sa.ss_family == AF_INET)
			fd = listen_on(&at[i]);
	for (int i = 0; i < n && fd < 0; i++)
		if (at[i].sa.ss_family == AF_INET6)
			fd = listen_on(&at[i]);
	if (fd < 0)
		return fault_errno(f, fd, "cannot listen on %s port %u", bare, port);
	show(fd, shown);
	*ret_fd = fd;
	return 0;
}

/* ---- requests */

static const char *query(void *connection, const char *key)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct reply *r)
{
	bool has_body = r->body.len && r->status != 204 && r->status != 304;
	struct MHD_Response *response;
	enum MHD_Result ok;

	if (!has_body)
		buf_free(&r->body);
	response = MHD_create_response_from_buffer(r->body.len, r->body.text, has_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response) {
		buf_free(&r->body);
		return MHD_NO;
	}
	if (has_body)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (r->etag[0])
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, r->etag);
	ok = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return ok;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status)
{
	struct reply r = { 0 };

	api_detail(&r, status, status == 413 ? "the body is larger than 1 MB" : "too much at once; try again");
	return send_reply(c, &r);
}

/* More of the body. What is too large is read and dropped. */
static void receive(struct http *h, struct call *call, const char *data, size_t n)
{
	size_t cap = call->cap ? call->cap : 1024;
	char *bigger;

	if (call->refused)
		return;
	if (call->len + n > API_BODY_MAX) {
		call->refused = 413;
		return;
	}
	while (cap < call->len + n)
		cap *= 2;
	if (cap != call->cap) {
		bigger = h->receiving + cap - call->cap > BODIES_MAX ? NULL : realloc(call->body, cap);
		if (!bigger) {
			call->refused = 503;
			return;
		}
		h->receiving += cap - call->cap;
		call->body = bigger;
		call->cap = cap;
	}
	memcpy(call->body + call->len, data, n);
	call->len += n;
}

static enum MHD_Result answer(struct http *h, struct MHD_Connection *c, const char *url, const char *method, const struct call *call)
{
	struct request q = {
		.method = method,
		.path = url,
		.query = query,
		.query_arg = c,
		.body = call->body ? call->body : "",
		.body_len = call->len,
		.if_none_match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH),
	};
	struct reply r;
	enum MHD_Result ok;

	h->before(h->arg);
	api_answer(h->api, &q, &r);
	ok = send_reply(c, &r);
	h->after(h->arg);
	return ok;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *data, size_t *size, void **context)
{
	struct http *h = arg;
	struct call *call = *context;
	const char *length;
	int64_t bytes;

	(void)version;
	if (!call) {
		call = *context = calloc(1, sizeof(*call));
		if (!call)
			return MHD_NO;
		length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
		if (length && str_int(length, 0, INT64_MAX, &bytes) == 0 && bytes > (int64_t)DRAIN_MAX)
			return refuse(c, 413); /* before any of it is read */
		return MHD_YES;
	}
	if (*size) {
		receive(h, call, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return call->refused ? refuse(c, call->refused) : answer(h, c, url, method, call);
}

static void on_done(void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why)
{
	struct http *h = arg;
	struct call *call = *context;

	(void)c, (void)why;
	if (!call)
		return;
	h->receiving -= call->cap;
	free(call->body);
	free(call);
	*context = NULL;
}

/* ---- the event loop */

static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	(void)MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		(void)loop_timer_set(h->loop, &h->timer, clock_boot_ns() + ms * NS_PER_MS);
	else
		loop_timer_clear(h->loop, &h->timer);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	run(arg);
}

static void on_time(void *arg)
{
	run(arg);
}

static void complain(void *arg, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void complain(void *arg, const char *fmt, va_list args)
{
	char text[300], shown[300];

	(void)arg;
	vsnprintf(text, sizeof(text), fmt, args);
	str_visible(shown, sizeof(shown), text);
	say(SAY_DEBUG, "http: %s", shown); /* what clients do wrong; its own errors come back as results */
}

static int integrate(struct http *h, struct fault *f)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	if (!info)
		return fault_set(f, -EIO, "libmicrohttpd has no epoll here");
	r = loop_watch(h->loop, info->epoll_fd, EPOLLIN, on_ready, h, &h->watch);
	return r < 0 ? fault_errno(f, r, "cannot watch connections") : 0;
}

int http_start(struct loop *l, int listen_fd, struct api *api, http_fn *before, http_fn *after, void *arg, struct http **ret, struct fault *f)
{
	struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		close(listen_fd);
		return fault_errno(f, -ENOMEM, "cannot serve");
	}
	*h = (struct http){ .loop = l, .api = api, .before = before, .after = after, .arg = arg };
	loop_timer_init(&h->timer, on_time, h);
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, complain, h,
				     MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listen_fd, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				     MHD_OPTION_NOTIFY_COMPLETED, on_done, h, MHD_OPTION_END);
	if (!h->daemon) {
		close(listen_fd);
		free(h);
		return fault_set(f, -EIO, "cannot serve: libmicrohttpd does not start");
	}
	r = integrate(h, f);
	if (r < 0) {
		http_stop(h);
		return r;
	}
	run(h);
	*ret = h;
	return 0;
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	loop_unwatch(h->loop, h->watch);
	loop_timer_clear(h->loop, &h->timer);
	MHD_stop_daemon(h->daemon);
	free(h);
}
