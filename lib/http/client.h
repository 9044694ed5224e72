/*
 * http/client.h - HTTP requests in an event loop: libcurl's multi interface on base/loop.h.
 *
 * A request never blocks (name look-ups have a thread of libcurl's), has a total time, and its
 * answer's head and body are bounded. Redirects are not followed, proxies not used for loopback
 * addresses. Connections are kept.
 *
 * OWNERSHIP A call belongs to struct http until its callback has returned, or until http_cancel().
 *           What the answer points to is gone after the callback.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define HTTP_WHY_MAX	 160u
#define HTTP_HEADERS_MAX 12u

struct http;
struct http_call;

struct http_ask {
	const char *url;
	const char *method; /* NULL = GET, or POST with a body */
	const char *body;   /* copied; NULL = none */
	/* "::HOST:PORT" to connect there, whatever the address says; NULL = as it says */
	const char *connect_to;
	const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; NULL ends */
	uint32_t timeout_ms;
	size_t body_max;
	/* of a stream of events: is what came so far all that is wanted? NULL = it must end */
	bool (*enough)(void *arg, const char *body);
	/* the status line is all that is wanted: the body may be endless, too large or never come
	 * */
	bool head_only;
	bool connect_only; /* a TCP connection is all that is wanted */
};

struct http_answer {
	bool ok;		/* an answer came, whatever its status */
	char why[HTTP_WHY_MAX]; /* else: why not, a sentence */
	long status;
	const char *body; /* NUL-terminated behind len bytes */
	size_t len;
	const char *head; /* the header lines */
	uint32_t took_us;
};

typedef void http_fn(void *arg, const struct http_answer *answer);

struct http_setup {
	struct loop *loop;
	const char *ca_file; /* whom https trusts; NULL or "" = whom libcurl does. Is copied */
	/* a sentence for the program's log: libcurl is missing, or has given up; NULL = nobody */
	void (*trouble)(void *arg, const char *text);
	void *arg;
};

/* libcurl is loaded by the first request. -ENOMEM. */
int http_new(const struct http_setup *s, struct http **ret);
void http_free(struct http *h); /* cancels what is under way */

/* 0: fn will be called, later. -EINVAL: the address can't be used; -ENOMEM; -ENOSYS: libcurl is
 * missing, which trouble() is told once. */
int http_send(
	struct http *h, const struct http_ask *ask, http_fn *fn, void *arg, struct http_call **ret);
/* fn is not called any more. NULL is fine. Not from within fn. */
void http_cancel(struct http *h, struct http_call *c);

/* Copy the value of a header field of the answer, "" if there is none or it does not fit. True if
 * found. */
bool http_field(const struct http_answer *a, const char *name, char *buf, size_t size);

#endif
