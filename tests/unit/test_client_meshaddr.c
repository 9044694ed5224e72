/* client/meshaddr.h: where the registry is, written down and read again in one home and in another,
 * and what agents are told of it. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/meshaddr.h"
#include "tests/unit/run.h"

static struct instance in[2];
static char dir[2][32];

static void make_homes(void)
{
	for (unsigned i = 0; i < 2; i++) {
		snprintf(dir[i], sizeof(dir[i]), "/tmp/tend-mesh-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir[i]));
		ck_assert_int_eq(home_open(dir[i], HOME_CREATE, &in[i].home, NULL), 0);
	}
}

static void drop_homes(void)
{
	static const char *const subs[] = { "run", "logs", "specs" };

	for (unsigned i = 0; i < 2; i++) {
		(void)unlinkat(in[i].home.run_fd, HOME_REGISTRY_FILE, 0);
		for (unsigned k = 0; k < 3; k++)
			(void)unlinkat(in[i].home.fd, subs[k], AT_REMOVEDIR);
		home_close(&in[i].home);
		ck_assert_int_eq(rmdir(dir[i]), 0);
	}
}

START_TEST(what_is_written_is_read_again)
{
	static const struct {
		const char *host;
		unsigned port;
		const char *url;
	} cases[] = { { "localhost", 8000, "http://localhost:8000" },
		{ "::1", 65535, "http://[::1]:65535" }, { "[::1]", 1, "http://[::1]:1" } };
	struct outcomes oc = { .keep = true };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct meshaddr r = { .port = cases[i].port }, last = { .port = 0 };

		snprintf(r.host, sizeof(r.host), "%s", cases[i].host);
		meshaddr_say(&r);
		ck_assert_str_eq(r.url, cases[i].url);
		ck_assert(meshaddr_write(&oc, &in[0], &r));
		ck_assert(meshaddr_last(&in[0].home, &last));
		ck_assert_str_eq(last.url, r.url);
		ck_assert_uint_eq(last.port, r.port);
		ck_assert(!meshaddr_last(&in[1].home, &last)); /* another home knows none */
	}
	ck_assert_uint_eq(oc.n_errors, 0);
}
END_TEST

static void put(const char *text)
{
	int fd = openat(in[0].home.run_fd, HOME_REGISTRY_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(what_is_no_address_is_none)
{
	static const char *const bad[] = { "", "\n", "http://", "https://a:1", "http://a",
		"http://a:", "http://a:0", "http://a:65536", "http://a:1x" };
	struct meshaddr last;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i]);
		ck_assert_msg(!meshaddr_last(&in[0].home, &last), "\"%s\"", bad[i]);
	}
	put("http://a:1\r\n");
	ck_assert(meshaddr_last(&in[0].home, &last));
	ck_assert_str_eq(last.url, "http://a:1");
}
END_TEST

START_TEST(agents_are_told_all_of_it)
{
	static const char *const expected[] = { "MCP_MESH_REGISTRY_URL=http://here:80",
		"MCP_MESH_REGISTRY_HOST=here", "MCP_MESH_REGISTRY_PORT=80",
		"MCP_MESH_DATABASE_URL=sqlite:////tmp/db", "MCP_MESH_DEBUG=0",
		"MCP_MESH_LOG_LEVEL=INFO" };
	struct meshaddr r = { .host = "here", .port = 80, .db = "/tmp/db" };
	struct meshaddr_variables told;
	struct conf_errors e;
	struct cliconf c;
	char **list;

	ck_assert_int_eq(cliconf_load(-1, "none", NULL, &c, &e), 0);
	meshaddr_say(&r);
	list = meshaddr_variables(&r, &c, &told);
	for (size_t i = 0; i < MESHADDR_VARIABLES; i++)
		ck_assert_str_eq(list[i], expected[i]);
	ck_assert_ptr_null(list[MESHADDR_VARIABLES]);
	cliconf_done(&c);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("meshaddr");

	tcase_add_checked_fixture(t, make_homes, drop_homes);
	tcase_add_test(t, what_is_written_is_read_again);
	tcase_add_test(t, what_is_no_address_is_none);
	tcase_add_test(t, agents_are_told_all_of_it);
	return run_cases("client meshaddr", t, NULL);
}
