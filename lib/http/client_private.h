/*
 * http/client_private.h - what http.c (libcurl on the loop) and http_call.c (one request and its
 * answer) share.
 *
 * INCLUDED BY monitor/http.c and lib/http/client_call.c only.
 */
#ifndef HTTP_CLIENT_PRIVATE_H
#define HTTP_CLIENT_PRIVATE_H

#include "http/client.h"
#include "http/libcurl.h"

#define HTTP_HEAD_MAX (16u << 10)

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

struct http {
	struct loop *loop;
	char *ca_file; /* NULL = libcurl's */
	void (*trouble)(void *arg, const char *text);
	void *arg;
	bool missing; /* libcurl is, and that was told */
	struct libcurl curl;
	CURLM *multi; /* NULL = not loaded yet */
	struct loop_timer timer;
	struct http_call *calls;
};

/* Tell libcurl what is asked for; false: no memory for it. */
bool http_call_set_up(struct http_call *c, const struct http_ask *q);
/* It has ended: its callback is called, then it is released. */
void http_call_finish(struct http_call *c, CURLcode code);
void http_call_release(struct http_call *c);

#endif
