/*
 * registry/http.h - HTTP around the answers of registry/api.h: libmicrohttpd in our own event loop,
 * one thread.
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include "base/addr.h"
#include "base/fault.h"
#include "base/loop.h"
#include "registry/api.h"

struct http;

/* Listening sockets, one for each address of the host. */
struct http_sockets {
	int fd[ADDR_MAX];
	int n;
	char shown[400]; /* "http://127.0.0.1:8080, http://[::1]:8080" */
};

/* Listen on all addresses of this host, on this port (0: any). -EACCES: the host is no loopback
 * address and public was not asked for. */
int http_listen(
	const char *host, unsigned port, bool public, struct http_sockets *ret, struct fault *f);

/* Serve on them; they are taken over. before is called before each answer (to set the clocks),
 * after behind it. */
typedef void http_fn(void *arg);
int http_start(struct loop *l, const struct http_sockets *on, struct api *api, http_fn *before,
	http_fn *after, void *arg, struct http **ret, struct fault *f);
void http_stop(struct http *h);

#endif
