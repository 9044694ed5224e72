/* tests/unit/test_base_addr.c - hosts that need no name server. */
#include <check.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "tests/unit/run.h"

static struct addr at[ADDR_MAX];

static bool is_v4(const struct addr *a, uint32_t address, unsigned port)
{
	struct sockaddr_in sa;

	memcpy(&sa, &a->sa, sizeof(sa));
	return a->len == sizeof(sa) && sa.sin_family == AF_INET && sa.sin_addr.s_addr == htonl(address) && sa.sin_port == htons((uint16_t)port);
}

static bool is_v6_loopback(const struct addr *a, unsigned port)
{
	struct sockaddr_in6 sa;

	memcpy(&sa, &a->sa, sizeof(sa));
	return a->len == sizeof(sa) && sa.sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&sa.sin6_addr) && sa.sin6_port == htons((uint16_t)port);
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

int main(void)
{
	TCase *tc = tcase_create("addresses");

	tcase_add_test(tc, localhost_is_loopback_whoever_is_asked);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, brackets);
	return run_cases("base/addr", tc, NULL);
}
