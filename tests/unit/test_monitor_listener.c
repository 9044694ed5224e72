/* tests/unit/test_monitor_listener.c - who listens where: lines of /proc/net/tcp and tcp6, and
 * ports of addresses. */
/* links: monitor/listener.c */
#include <check.h>
#include <stdio.h>

#include "monitor/listener.h"
#include "tests/unit/run.h"

#define HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST  " 00000000:00000000 00:00000000 00000000     0        0 "
#define NONE4 " 00000000:0000 "
#define NONE6 " 00000000000000000000000000000000:0000 "

static uint64_t inodes[] = { 11, 12 };
static const struct listener_set own = { .inode = inodes, .n = 2, .cap = 2 };

static struct listener scan(const char *text, unsigned port)
{
	struct listener at = { .alone = true };

	listener_scan(text, &own, port, &at);
	return at;
}

START_TEST(finds_its_own)
{
	static const struct {
		const char *line, *host;
	} cases[] = {
		{ "   0: 0100007F:1F90" NONE4 "0A" REST "11 1 0", "127.0.0.1" },
		{ "   0: 00000000:1F90" NONE4 "0A" REST "12 1 0", "127.0.0.1" },
		{ " 123: 0200007F:1F90" NONE4 "0A" REST "11", "127.0.0.2" },
		{ "   0: 00000000000000000000000001000000:1F90" NONE6 "0A" REST "11", "[::1]" },
		{ "   0: 00000000000000000000000000000000:1F90" NONE6 "0A" REST "11", "[::1]" },
		{ "   0: 0000000000000000FFFF00000100007F:1F90" NONE6 "0A" REST "11", "127.0.0.1" },
		{ "   0: 0500A8C0:1F90" NONE4 "0A" REST "11", NULL }, /* 192.168.0.5 */
		{ "   0: 000080FE000000000000000001000000:1F90" NONE6 "0A" REST "11", NULL },
		{ "   0: 0100007F:1F90" NONE4 "01" REST "11", NULL }, /* a connection */
		{ "   0: 0100007F:1F90" NONE4 "0A" REST "13", NULL }, /* a stranger's */
		{ "   0: 0100007F:1F91" NONE4 "0A" REST "11", NULL }, /* another port */
		{ "   0: 0100007F:1F90 0A", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		struct listener at;

		(void)snprintf(text, sizeof(text), HEAD "%s\n", cases[i].line);
		at = scan(text, 8080);
		ck_assert_msg(at.listens == (cases[i].host != NULL), "%zu", i);
		if (cases[i].host)
			ck_assert_str_eq(at.host, cases[i].host);
	}
}
END_TEST

START_TEST(knows_whether_it_is_the_only_one)
{
	static const char two[] = HEAD "   0: 0100007F:1F90" NONE4 "0A" REST
				       "11\n   1: 0100007F:1F91" NONE4 "0A" REST "12\n";
	static const char other[] = HEAD "   0: 0100007F:1F90" NONE4 "0A" REST
					 "11\n   1: 0100007F:1F91" NONE4 "0A" REST "99\n";

	ck_assert(scan(two, 8080).listens && !scan(two, 8080).alone);
	ck_assert(scan(other, 8080).listens && scan(other, 8080).alone);
}
END_TEST

START_TEST(ports_of_addresses)
{
	static const struct {
		const char *url;
		unsigned port;
	} cases[] = {
		{ "http://localhost:8080", 8080 },
		{ "http://[::1]:8080/x:9", 8080 },
		{ "http://[::1]/", 80 },
		{ "https://a", 443 },
		{ "http://a:0", 0 },
		{ "http://a:65536", 0 },
		{ "http://a:", 0 },
		{ "http://a:8080x", 0 },
		{ "http://a:123456789", 0 },
		{ "stdio://agent", 0 },
		{ "", 0 },
		{ "a:80", 0 },
		{ "http://u:p@h:81?q=:82", 81 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_uint_eq(listener_port(cases[i].url), cases[i].port);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pure");

	tcase_add_test(t, finds_its_own);
	tcase_add_test(t, knows_whether_it_is_the_only_one);
	tcase_add_test(t, ports_of_addresses);
	return run_cases("monitor_listener", t, NULL);
}
