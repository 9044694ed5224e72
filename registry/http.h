/*
 * registry/http.h - HTTP around the answers of registry/api.h: libmicrohttpd in our own event loop, one thread.
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include "base/fault.h"
#include "base/loop.h"
#include "registry/api.h"

#define HTTP_CONNECTIONS_MAX 4000u
#define HTTP_IDLE_S	     30u

struct http;

/* A listening socket on this host and port (0: any). -EACCES: the host is no loopback address and public was not asked for. ret_shown gets
 * "http://127.0.0.1:8080". */
int http_listen(const char *host, unsigned port, bool public, int *ret_fd, char shown[static 80], struct fault *f);

/* Serve on it; the socket is taken over. before is called before each answer (to set the clocks), after behind it. */
typedef void http_fn(void *arg);
int http_start(struct loop *l, int listen_fd, struct api *api, http_fn *before, http_fn *after, void *arg, struct http **ret, struct fault *f);
void http_stop(struct http *h);

#endif
