/* tests/unit/test_monitor_mcpstream.c - which event of a stream answers a request, whole and in
 * pieces. */
/* links: monitor/mcpstream.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/mcpstream.h"
#include "tests/unit/run.h"

#define REPLY "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}"

static const struct {
	const char *body;
	bool found, only_ended; /* at the end of the stream only */
} cases[] = {
	{ "data: " REPLY "\n\n", true, false },
	{ "event: message\r\ndata:" REPLY "\r\n\r\n", true, false },
	{ "data: {\"method\":\"notifications/message\"}\n\ndata: " REPLY "\n\n", true, false },
	{ "data: {\"id\":2,\"method\":\"ping\"}\n\ndata: " REPLY "\n\n", true, false },
	{ ": comment\n\nid: 1\ndata: {\"id\":1,\"result\":{}}\n\ndata: " REPLY "\n\n", true,
		false },
	{ "data: {\"id\":2,\ndata: \"result\":{}}\n\n", true, false },
	{ "data: {\"id\":2,\"error\":{\"code\":-1}}\r\r", true, false },
	{ "data: " REPLY "\n", true, true },
	{ "data: " REPLY, true, true },
	{ "data: {\"id\":3,\"result\":{}}\n\n", false, false },
	{ "data: {\"id\":2.5,\"result\":{}}\n\n", false, false },
	{ "data: {\"id\":\"2\",\"result\":{}}\n\n", false, false },
	{ "data: nonsense\n\ndata\n\n\n\n", false, false },
	{ REPLY, false, false },
	{ "", false, false },
};

START_TEST(whole)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int ended = 0; ended < 2; ended++) {
			size_t at = 0;
			char *reply = mcpstream_next(cases[i].body, &at, 2, ended);

			ck_assert_msg((reply != NULL) ==
					(cases[i].found && (ended || !cases[i].only_ended)),
				"%zu %d", i, ended);
			ck_assert_uint_le(at, strlen(cases[i].body));
			free(reply);
		}
}
END_TEST

START_TEST(byte_by_byte)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char part[512];
		char *reply = NULL;
		size_t at = 0;

		for (size_t n = 1; n <= strlen(cases[i].body) && !reply; n++) {
			memcpy(part, cases[i].body, n);
			part[n] = 0;
			reply = mcpstream_next(part, &at, 2, false);
		}
		ck_assert_msg(
			(reply != NULL) == (cases[i].found && !cases[i].only_ended), "%zu", i);
		free(reply);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pure");

	tcase_add_test(t, whole);
	tcase_add_test(t, byte_by_byte);
	return run_cases("monitor_mcpstream", t, NULL);
}
