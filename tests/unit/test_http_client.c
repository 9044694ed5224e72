/* tests/unit/test_http_client.c - when libcurl gives up: it does if one of our callbacks fails, and
 * is silent from then on. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client_private.h"
#include "tests/unit/run.h"

static struct loop *loop;
static struct http *http;
static int server;
static char url[64];
static unsigned answers, wanted;
static char why[HTTP_WHY_MAX];

static unsigned troubles;

static void on_trouble(void *arg, const char *text)
{
	(void)arg;
	ck_assert_ptr_nonnull(strstr(text, "libcurl has given up"));
	troubles++;
}

/* Connections to it are accepted by the kernel, and never answered. */
static void setup(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);

	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(server, 8), 0);
	ck_assert_int_eq(getsockname(server, (struct sockaddr *)&sa, &len), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(sa.sin_port));
	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(
		http_new(&(struct http_setup){ .loop = loop, .trouble = on_trouble }, &http), 0);
	answers = 0;
}

static void teardown(void)
{
	http_free(http);
	loop_free(loop);
	close(server);
}

static void on_answer(void *arg, const struct http_answer *a)
{
	(void)arg;
	ck_assert(!a->ok);
	memcpy(why, a->why, sizeof(why));
	if (++answers == wanted)
		loop_stop(loop, 0);
}

static void send_some(unsigned n, uint32_t timeout_ms)
{
	struct http_ask q = { .url = url, .timeout_ms = timeout_ms, .body_max = 100 };

	answers = 0;
	wanted = n;
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(http_send(http, &q, on_answer, NULL, NULL), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(answers, n);
}

START_TEST(a_request_without_answer_ends_in_time)
{
	send_some(3, 200);
	ck_assert_ptr_nonnull(strstr(why, "timed out"));
}
END_TEST

static unsigned refused;

static CURLMcode refuse(CURLM *multi, curl_socket_t fd, int mask, int *running)
{
	(void)multi, (void)fd, (void)mask;
	*running = 0;
	refused++;
	return CURLM_ABORTED_BY_CALLBACK;
}

START_TEST(all_requests_end_when_libcurl_gives_up_and_the_next_ones_work)
{
	__typeof__(http->curl.curl_multi_socket_action) real;

	send_some(1, 50); /* loads it */
	ck_assert_uint_eq(troubles, 0);
	real = http->curl.curl_multi_socket_action;
	http->curl.curl_multi_socket_action = refuse;
	answers = 0;
	send_some(5, 60000);
	ck_assert_uint_eq(refused, 1);
	ck_assert_uint_eq(troubles, 1);
	http->curl.curl_multi_socket_action = real;
	send_some(2, 200);
	ck_assert_ptr_nonnull(strstr(why, "timed out"));
}
END_TEST

static struct http_call *calls[2];

START_TEST(a_cancelled_request_is_never_answered)
{
	struct http_ask q = { .url = url, .timeout_ms = 50, .body_max = 100 };

	ck_assert_int_eq(http_send(http, &q, on_answer, NULL, &calls[0]), 0);
	ck_assert_int_eq(http_send(http, &q, on_answer, NULL, &calls[1]), 0);
	http_cancel(http, calls[0]);
	http_cancel(http, calls[1]);
	send_some(1, 200); /* long after the two would have ended */
}
END_TEST

START_TEST(an_address_that_is_none)
{
	struct http_ask q = { .url = "gopher://x", .timeout_ms = 1000, .body_max = 100 };

	wanted = 1;
	ck_assert_int_eq(http_send(http, &q, on_answer, NULL, NULL), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(answers, 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("requests");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_request_without_answer_ends_in_time);
	tcase_add_test(tc, all_requests_end_when_libcurl_gives_up_and_the_next_ones_work);
	tcase_add_test(tc, a_cancelled_request_is_never_answered);
	tcase_add_test(tc, an_address_that_is_none);
	return run_cases("http/client", tc, NULL);
}
