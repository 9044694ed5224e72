/* tests/unit/test_registry_gate.c - who is let in. */
/* links: registry/gate.c */
#include <check.h>

#include "registry/gate.h"
#include "tests/unit/run.h"

static unsigned check_as(bool public, const char *method, struct gate_headers h)
{
	const struct gate g = { .own = "mesh.example",
		.allowed = { "other.example" },
		.n_allowed = 1,
		.public = public };
	const char *why = NULL;
	unsigned status = gate_check(&g, method, &h, &why);

	ck_assert((status == 0) == (why == NULL));
	return status;
}

#define CHECK(...) check_as(false, __VA_ARGS__)

START_TEST(hosts)
{
	static const char *const good[] = { "localhost", "LOCALHOST:8080", "localhost.:1",
		"127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "mesh.example:80", "[::1]",
		"Other.Example:8080", "192.0.2.7:1" };
	static const char *const bad[] = { "", "site.example", "localhost.site.example",
		"127.0.0.1.site.example:8080", "localhost:8080x", "[::1", "[::1]x", "registry",
		"127.0.0.1@site.example", ".", "x:localhost", "::1", "local host",
		"mesh.example.site" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(
			CHECK("GET", (struct gate_headers){ .host = good[i] }) == 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(
			CHECK("GET", (struct gate_headers){ .host = bad[i] }) == 421, "%s", bad[i]);
	ck_assert_uint_eq(
		check_as(true, "GET", (struct gate_headers){ .host = "registry:8080" }), 0);
	ck_assert_uint_eq(
		check_as(true, "GET", (struct gate_headers){ .host = "site.example" }), 421);
	ck_assert_uint_eq(
		CHECK("GET", (struct gate_headers){ .host = NULL }), 0); /* HTTP/1.0: no browser */
}
END_TEST

START_TEST(origins_and_types)
{
	static const char json[] = "application/json";

	ck_assert_uint_eq(
		CHECK("POST", (struct gate_headers){ "localhost:1", NULL, NULL, json }), 0);
	ck_assert_uint_eq(CHECK("POST",
				  (struct gate_headers){ "localhost:1", "http://localhost:1",
					  "same-origin", json }),
		0);
	ck_assert_uint_eq(
		CHECK("POST",
			(struct gate_headers){ "localhost:1", "http://localhost:2", NULL, json }),
		403);
	ck_assert_uint_eq(
		CHECK("POST",
			(struct gate_headers){ "localhost:1", "https://localhost:1", NULL, json }),
		403);
	ck_assert_uint_eq(
		CHECK("POST", (struct gate_headers){ "localhost:1", "null", NULL, json }), 403);
	ck_assert_uint_eq(
		CHECK("GET",
			(struct gate_headers){ "localhost:1", "http://site.example", NULL, NULL }),
		403);
	ck_assert_uint_eq(
		CHECK("HEAD", (struct gate_headers){ "localhost:1", NULL, "cross-site", NULL }),
		403);
	ck_assert_uint_eq(
		CHECK("DELETE", (struct gate_headers){ "localhost:1", NULL, "same-site", NULL }),
		403);
	ck_assert_uint_eq(
		CHECK("GET", (struct gate_headers){ "localhost:1", NULL, "cross-site", NULL }),
		0); /* a link that is followed */
	ck_assert_uint_eq(CHECK("POST",
				  (struct gate_headers){ "localhost:1", NULL, NULL,
					  "Application/JSON; charset=utf-8" }),
		0);
	ck_assert_uint_eq(CHECK("POST",
				  (struct gate_headers){ "localhost:1", NULL, NULL,
					  "application/x-www-form-urlencoded" }),
		0);
	ck_assert_uint_eq(
		CHECK("POST", (struct gate_headers){ "localhost:1", NULL, NULL, "text/plain" }),
		415);
	ck_assert_uint_eq(CHECK("POST",
				  (struct gate_headers){ "localhost:1", NULL, NULL,
					  "text/plain;application/json" }),
		415);
	ck_assert_uint_eq(CHECK("POST",
				  (struct gate_headers){ "localhost:1", NULL, NULL,
					  "multipart/form-data; boundary=x" }),
		415);
	ck_assert_uint_eq(
		CHECK("POST", (struct gate_headers){ "localhost:1", NULL, NULL, "" }), 415);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, hosts);
	tcase_add_test(t, origins_and_types);
	return run_cases("registry/gate", t, NULL);
}
