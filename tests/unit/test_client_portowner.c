/* tests/unit/test_cli_portowner.c - whose socket listens, in what the kernel prints (on a
 * little-endian machine, where these were taken). */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/portowner.h"
#include "tests/unit/run.h"

#define HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define V4(address, state, uid) \
	"   0: " address ":1F90 00000000:0000 " state \
	" 00000000:00000000 00:00000000 00000000  " uid \
	"        0 1066 1 00000000f7b861c9 100 0 0 10 0\n"
#define V6(address, state, uid) \
	"   0: " address ":1F90 00000000000000000000000000000000:0000 " state \
	" 00000000:00000000 00:00000000 00000000  " uid "        0 7 1 00 100 0 0 10 0\n"
#define ANY6 "00000000000000000000000000000000"
#define ONE6 "00000000000000000000000001000000"
#define MAP6 "0000000000000000FFFF00000100007F"

/* The uid, or -1. */
static long owner(const char *text, const char *host, unsigned port)
{
	struct addr at[ADDR_MAX];
	uid_t uid = 0;

	ck_assert_int_eq(addr_find(host, port, at, NULL), 1);
	return portowner_scan(text, &at[0], &uid) ? (long)uid : -1;
}

START_TEST(scanned)
{
	ck_assert_int_eq(owner("", "127.0.0.1", 8080), -1);
	ck_assert_int_eq(owner(HEAD V4("0100007F", "0A", "1000"), "127.0.0.1", 8080), 1000);
	ck_assert_int_eq(owner(HEAD V4("0100007F", "0A", "1000"), "127.0.0.1", 8081), -1);
	ck_assert_int_eq(
		owner(HEAD V4("0100007F", "01", "1000"), "127.0.0.1", 8080), -1); /* a connection */
	ck_assert_int_eq(owner(HEAD V4("0200007F", "0A", "1000"), "127.0.0.1", 8080), -1);
	ck_assert_int_eq(owner(HEAD V4("00000000", "0A", "5"), "127.0.0.1", 8080), 5);
	ck_assert_int_eq(
		owner(HEAD V4("00000000", "0A", "5") V4("0100007F", "0A", "6"), "127.0.0.1", 8080),
		6); /* the nearer one gets it */
	ck_assert_int_eq(owner(HEAD V4("00000000", "0A", "5"), "::1", 8080), -1);
	ck_assert_int_eq(owner(HEAD V6(ONE6, "0A", "7"), "::1", 8080), 7);
	ck_assert_int_eq(owner(HEAD V6(ANY6, "0A", "8"), "::1", 8080), 8);
	ck_assert_int_eq(owner(HEAD V6(ANY6, "0A", "8"), "127.0.0.1", 8080), 8);
	ck_assert_int_eq(owner(HEAD V6(MAP6, "0A", "9"), "127.0.0.1", 8080), 9);
	ck_assert_int_eq(owner(HEAD V6(ONE6, "0A", "7"), "127.0.0.1", 8080), -1);
	ck_assert_int_eq(
		owner("garbage\n   0: zz:1F90 x\n" V6("0100", "0A", "7"), "127.0.0.1", 8080), -1);
}
END_TEST

START_TEST(found)
{
	struct addr at[ADDR_MAX], own = { .len = sizeof(own.sa) };
	int n = addr_find("127.0.0.1", 0, at, NULL), fd[ADDR_MAX];
	uid_t uid = (uid_t)-1;

	ck_assert_int_eq(addr_listen(at, n, fd), 1);
	ck_assert_int_eq(getsockname(fd[0], (struct sockaddr *)&own.sa, &own.len), 0);
	ck_assert(portowner_find(&own, &uid));
	ck_assert_uint_eq(uid, geteuid());
	ck_assert(!portowner_foreign("127.0.0.1", addr_port(&own), &uid));
	close(fd[0]);
	ck_assert(!portowner_find(&own, &uid));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, scanned);
	tcase_add_test(t, found);
	return run_cases("client portowner", t, NULL);
}
