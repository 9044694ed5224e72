/*
 * http/server.c - HTTP around the answers of a handler (http/server.h).
 *
 * libmicrohttpd does its own epoll inside a descriptor that our loop watches; MHD_run() then does
 * what is due and never waits. What clients hold, and for how long, conns.c says.
 */
#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/conns.h"

#define CONNECTION_MEMORY (32u * 1024)
/* of a body that is too large so much is read and dropped, so that the client gets to read the
 * answer */
#define DRAIN_MAX  (8u * 1024 * 1024)
#define ACCEPT_MAX 1024u /* in one turn of the loop: all that can be waiting */
/* for answers in one turn of the loop; then one more in each turn */
#define SLICE_NS (20 * NS_PER_MS)

struct http_server {
	struct MHD_Daemon *daemon;
	struct loop *loop;
	struct loop_watch *watch, *listening[ADDR_MAX];
	struct http_sockets on;
	struct loop_timer timer;
	struct http_handler handler;
	struct conns conns;
	uint64_t busy_ns; /* with answers, in this turn */
	bool ending;
};

/* ---- requests */

static const char *header(struct MHD_Connection *m, const char *name)
{
	return MHD_lookup_connection_value(m, MHD_HEADER_KIND, name);
}

static const char *field_of(const struct http_request *q, const char *name)
{
	return header(q->connection, name);
}

static const char *argument_of(const struct http_request *q, const char *key)
{
	return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct http_reply *r)
{
	bool has_body = r->len && r->status != 204 && r->status != 304;
	struct MHD_Response *response;
	enum MHD_Result ok;

	if (!has_body) {
		free(r->body);
		r->body = NULL;
		r->len = 0;
	}
	response = MHD_create_response_from_buffer(
		r->len, r->body, has_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(r->body);
		return MHD_NO;
	}
	if (has_body)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (r->etag[0])
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, r->etag);
	ok = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return ok;
}

static enum MHD_Result refuse(
	const struct http_server *h, struct MHD_Connection *c, unsigned status)
{
	struct http_reply r = { 0 };

	h->handler.refuse(h->handler.arg, status, &r);
	return send_reply(c, &r);
}

/* More of the body. What is too large is read and dropped. */
static void receive(struct http_server *h, struct conn *c, const char *data, size_t n)
{
	if (c->refused)
		return;
	bool large = n > h->handler.body_max - c->len;

	if (large || !conns_body_room(&h->conns, c, n)) {
		c->refused = large ? 413 : 503;
		return;
	}
	memcpy(c->body + c->len, data, n);
	c->len += n;
}

static enum MHD_Result answer(
	struct http_server *h, struct conn *c, const char *url, const char *method)
{
	struct http_request q = {
		.method = method,
		.path = url,
		.body = c->body ? c->body : "",
		.body_len = c->len,
		.query = argument_of,
		.field = field_of,
		.connection = c->mhd,
	};
	uint64_t began = clock_boot_ns();
	struct http_reply r = { 0 };
	enum MHD_Result ok;

	h->handler.answer(h->handler.arg, &q, &r);
	conns_answer(&h->conns, c, r.held);
	ok = send_reply(c->mhd, &r);
	h->busy_ns += clock_boot_ns() - began;
	return ok;
}

/* What is always answered at once. */
static bool is_light(const struct http_server *h, const char *url)
{
	return h->handler.is_light && h->handler.is_light(h->handler.arg, url);
}

/* Others were here before, or had all the time of this turn. */
static bool has_to_wait(const struct http_server *h, const struct conn *c, const char *url)
{
	return !c->has_turn && !is_light(h, url) && (h->conns.waits_first || h->busy_ns > SLICE_NS);
}

static enum MHD_Result begin(const struct http_server *h, struct conn *c)
{
	const char *length = header(c->mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
	int64_t bytes;

	if (length && str_int(length, 0, INT64_MAX, &bytes) == 0 && bytes > (int64_t)DRAIN_MAX)
		return refuse(h, c->mhd, 413); /* before any of it is read */
	return MHD_YES;
}

static struct conn *conn_of(struct MHD_Connection *m)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		m, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *m, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **context)
{
	struct conn *c = *context ? *context : conn_of(m);
	struct http_server *h = arg;

	(void)version;
	if (!c || c->ended || h->ending)
		return MHD_NO;
	if (!*context) {
		*context = c;
		return begin(h, c);
	}
	if (*size) {
		receive(h, c, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (c->refused)
		return refuse(h, m, c->refused);
	if (!has_to_wait(h, c, url))
		return answer(h, c, url, method);
	conns_wait(&h->conns, c);
	MHD_suspend_connection(m);
	return MHD_YES;
}

static void on_done(
	void *arg, struct MHD_Connection *m, void **context, enum MHD_RequestTerminationCode why)
{
	struct http_server *h = arg;

	(void)m, (void)why;
	if (*context)
		conns_rest(&h->conns, *context, clock_boot_ns());
	*context = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *m, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_server *h = arg;
	struct addr peer = { .len = sizeof(peer.sa) };
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			conns_remove(&h->conns, *context);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info && getpeername(info->connect_fd, (struct sockaddr *)&peer.sa, &peer.len) == 0)
		*context = conns_add(&h->conns, m, info->connect_fd, &peer, clock_boot_ns());
}

/* ---- the event loop */

static void set_timer(struct http_server *h, uint64_t next_boot_ns)
{
	MHD_UNSIGNED_LONG_LONG ms;
	uint64_t at = next_boot_ns;

	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES) {
		uint64_t theirs = clock_boot_ns() + ms * NS_PER_MS;

		at = at && at < theirs ? at : theirs;
	}
	if (at)
		(void)loop_timer_set(h->loop, &h->timer, at);
	else
		loop_timer_clear(h->loop, &h->timer);
}

/* Those that were ended while they waited are looked at again, too, and closed. */
static void give_turns(struct http_server *h)
{
	struct conn *c;

	do {
		c = conns_next(&h->conns);
		if (c)
			MHD_resume_connection(c->mhd);
	} while (c && c->ended);
}

static void run(struct http_server *h)
{
	uint64_t next = conns_sweep(&h->conns, clock_boot_ns());

	h->busy_ns = 0;
	(void)MHD_run(h->daemon);
	if (h->conns.waits_first)
		next = clock_boot_ns(); /* the next one's turn, after what else is due */
	set_timer(h, next);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	run(arg);
}

/* All that has arrived is accepted, read, and answered if that is quickly done. */
static void on_time(void *arg)
{
	give_turns(arg);
	run(arg);
}

/* At most so many; returns how many came. */
static size_t accept_some(struct http_server *h, int fd, size_t max)
{
	size_t n = 0;

	for (; n < max; n++) {
		struct addr peer = { .len = sizeof(peer.sa) };
		int client = accept4(
			fd, (struct sockaddr *)&peer.sa, &peer.len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0)
			break;
		/* closes it where it fails */
		(void)MHD_add_connection(
			h->daemon, client, (const struct sockaddr *)&peer.sa, peer.len);
	}
	return n;
}

/* Never more at once than may live: those that are ended for them are closed in between. */
static void on_listening(void *arg, uint32_t events)
{
	struct http_server *h = arg;
	size_t some = h->conns.max / ADDR_MAX, n, all = 0;

	(void)events;
	do {
		n = 0;
		for (int i = 0; i < h->on.n; i++)
			n += accept_some(h, h->on.fd[i], some);
		run(h);
		all += n;
	} while (n >= some && all < ACCEPT_MAX);
}

static void complain(void *arg, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void complain(void *arg, const char *fmt, va_list args)
{
	const struct http_server *h = arg;
	char text[300], shown[300];

	if (!h->handler.complain)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	str_visible(shown, sizeof(shown), text);
	/* what clients do wrong; its own errors come back as results */
	h->handler.complain(h->handler.arg, shown);
}

static int integrate(struct http_server *h, struct fault *f)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	if (!info)
		return fault_set(f, -EIO, "libmicrohttpd has no epoll here");
	r = loop_watch(h->loop, info->epoll_fd, EPOLLIN, on_ready, h, &h->watch);
	for (int i = 0; i < h->on.n && r == 0; i++)
		r = loop_watch(h->loop, h->on.fd[i], EPOLLIN, on_listening, h, &h->listening[i]);
	return r < 0 ? fault_errno(f, r, "cannot watch connections") : 0;
}

/* Twice as many as may live: those that are ended are still to be closed. */
static struct MHD_Daemon *new_daemon(struct http_server *h)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET |
			MHD_ALLOW_SUSPEND_RESUME,
		0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, complain, h,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)(2 * h->conns.max),
		MHD_OPTION_CONNECTION_TIMEOUT, CONNS_REQUEST_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_done, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
}

static void close_sockets(const struct http_sockets *on)
{
	for (int i = 0; i < on->n; i++)
		close(on->fd[i]);
}

int http_serve(struct loop *l, const struct http_sockets *on, const struct http_handler *handler,
	struct http_server **ret, struct fault *f)
{
	struct http_server *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		close_sockets(on);
		return fault_errno(f, -ENOMEM, "cannot serve");
	}
	*h = (struct http_server){ .loop = l, .on = *on, .handler = *handler };
	conns_init(&h->conns);
	loop_timer_init(&h->timer, on_time, h);
	h->daemon = new_daemon(h);
	r = h->daemon ? integrate(h, f)
		      : fault_set(f, -EIO, "cannot serve: libmicrohttpd does not start");
	if (r < 0) {
		http_server_stop(h);
		return r;
	}
	run(h);
	*ret = h;
	return 0;
}

void http_server_stop(struct http_server *h)
{
	struct conn *c;

	if (!h)
		return;
	h->ending = true;
	loop_unwatch(h->loop, h->watch);
	for (int i = 0; i < h->on.n; i++)
		loop_unwatch(h->loop, h->listening[i]);
	loop_timer_clear(h->loop, &h->timer);
	while ((c = conns_next(&h->conns))) /* none may be suspended at the end */
		MHD_resume_connection(c->mhd);
	if (h->daemon) {
		(void)MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	close_sockets(&h->on);
	free(h);
}
