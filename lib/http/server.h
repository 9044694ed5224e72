/*
 * http/server.h - an HTTP server in an event loop: libmicrohttpd on base/loop.h, one thread.
 *
 * What is asked, and what is answered, is the handler's business. What clients hold, and for how
 * long, is bounded (http/conns.h). Answers take turns: once 20 ms are used in one turn of the loop,
 * each further one has a turn of its own, so that who asks for something light waits for one of
 * them at most.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/loop.h"

struct http_server;

/* Listening sockets, one for each address of the host. */
struct http_sockets {
	int fd[ADDR_MAX];
	int n;
	char shown[400]; /* "http://127.0.0.1:8080, http://[::1]:8080" */
};

/* Listen on all addresses of this host, on this port (0: any). -EACCES: one of them is no loopback
 * address, and public was not asked for. */
int http_listen(
	const char *host, unsigned port, bool public, struct http_sockets *ret, struct fault *f);

/* Everything here lives as long as the handler's call. */
struct http_request {
	const char *method, *path; /* path: with its %-escapes undone */
	const char *body;	   /* "" where there is none */
	size_t body_len;
	/* An argument of the query, a field of the head; NULL: not given. */
	const char *(*query)(const struct http_request *q, const char *key);
	const char *(*field)(const struct http_request *q, const char *name);
	void *connection; /* private */
};

struct http_reply {
	unsigned status;
	char *body;	   /* allocated; the server frees it. NULL = none */
	size_t len, held;  /* held: bytes of memory that body takes */
	const char *type;  /* of the body, "application/json" */
	const char *allow; /* with 405; NULL = none */
	char etag[64];	   /* "" = none */
};

struct http_handler {
	size_t body_max; /* a larger body is refused with 413 */
	/* *ret is zeroed before. */
	void (*answer)(void *arg, const struct http_request *q, struct http_reply *ret);
	/* A request that is not to be answered: 413, the body is larger than body_max; or 503, too
	 * much at once. */
	void (*refuse)(void *arg, unsigned status, struct http_reply *ret);
	/* Is this path answered at once, whoever waits? NULL = none is. */
	bool (*is_light)(void *arg, const char *path);
	/* What clients did wrong, printable, for a log; NULL = nobody wants to know. */
	void (*complain)(void *arg, const char *text);
	void *arg;
};

/* Serve on these sockets; they are taken over, also by a failure. */
int http_serve(struct loop *l, const struct http_sockets *on, const struct http_handler *handler,
	struct http_server **ret, struct fault *f);
void http_server_stop(struct http_server *h); /* NULL is fine */

#endif
