/* tests/unit/test_base_addr.c - hosts that need no name server. */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "tests/unit/run.h"

static struct addr at[ADDR_MAX];

static bool is_v4(const struct addr *a, uint32_t address, unsigned port)
{
	struct sockaddr_in sa;

	memcpy(&sa, &a->sa, sizeof(sa));
	return a->len == sizeof(sa) && sa.sin_family == AF_INET &&
		sa.sin_addr.s_addr == htonl(address) && sa.sin_port == htons((uint16_t)port);
}

static bool is_v6_loopback(const struct addr *a, unsigned port)
{
	struct sockaddr_in6 sa;

	memcpy(&sa, &a->sa, sizeof(sa));
	return a->len == sizeof(sa) && sa.sin6_family == AF_INET6 &&
		IN6_IS_ADDR_LOOPBACK(&sa.sin6_addr) && sa.sin6_port == htons((uint16_t)port);
}

START_TEST(localhost_is_loopback_whoever_is_asked)
{
	ck_assert_int_eq(addr_find("localhost", 8080, at, NULL), 2);
	ck_assert(is_v4(&at[0], INADDR_LOOPBACK, 8080));
	ck_assert(is_v6_loopback(&at[1], 8080));
	ck_assert_int_eq(addr_find("LocalHost", 1, at, NULL), 2);
}
END_TEST

START_TEST(addresses)
{
	ck_assert_int_eq(addr_find("127.0.0.2", 1, at, NULL), 1);
	ck_assert(is_v4(&at[0], 0x7f000002, 1));
	ck_assert_int_eq(addr_find("[::1]", 65535, at, NULL), 1);
	ck_assert(is_v6_loopback(&at[0], 65535));
	ck_assert_int_eq(addr_find("::1", 65535, at, NULL), 1);
	ck_assert(is_v6_loopback(&at[0], 65535));
}
END_TEST

START_TEST(brackets)
{
	char buf[8];

	addr_bare("[::1]", buf, sizeof(buf));
	ck_assert_str_eq(buf, "::1");
	addr_bare("web", buf, sizeof(buf));
	ck_assert_str_eq(buf, "web");
	addr_bare("[", buf, sizeof(buf));
	ck_assert_str_eq(buf, "");
}
END_TEST

/* The same port at each, and all or nothing. */
START_TEST(listening)
{
	int n = addr_find("localhost", 0, at, NULL), fd[ADDR_MAX], again[ADDR_MAX],
	    k = addr_listen(at, n, fd);
	struct addr own = { .len = sizeof(own.sa) };
	char shown[80], expected[80];
	unsigned port;

	ck_assert_int_ge(k, 1);
	ck_assert_int_eq(getsockname(fd[0], (struct sockaddr *)&own.sa, &own.len), 0);
	port = addr_port(&own);
	addr_show(&own, shown, sizeof(shown));
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
	ck_assert_str_eq(shown, expected);
	n = addr_find("localhost", port, at, NULL);
	for (int i = 0; i < k; i++) {
		ck_assert_int_eq(addr_listen(&at[i], 1, again), -EADDRINUSE);
		ck_assert(addr_is_loopback(&at[i]));
	}
	close(fd[0]); /* one is free, the other is not */
	ck_assert_int_eq(addr_listen(at, n, again), k > 1 ? -EADDRINUSE : 1);
	if (k == 1)
		close(again[0]);
	for (int i = 1; i < k; i++)
		close(fd[i]);
	ck_assert_int_eq(addr_find("192.0.2.1", 0, at, NULL), 1); /* nobody's */
	ck_assert(!addr_is_loopback(&at[0]));
	ck_assert_int_eq(addr_listen(at, 1, fd), -EADDRNOTAVAIL);
	n = addr_find("localhost", 0, at, NULL);
	at[0] = at[1];
	k = addr_listen(at, 2, fd); /* said twice is once */
	ck_assert_int_le(k, 1);
	for (int i = 0; i < k; i++)
		close(fd[i]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("addresses");

	tcase_add_test(tc, localhost_is_loopback_whoever_is_asked);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, brackets);
	tcase_add_test(tc, listening);
	return run_cases("base/addr", tc, NULL);
}
