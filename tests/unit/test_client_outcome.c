/* client/outcome.h: what is heard, what is kept, and that words, kinds and the schema agree. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "client/outcome.h"
#include "tests/unit/run.h"

static char heard[4096];

static void hear(void *arg, enum heard kind, const char *text)
{
	static const char *const marks[] = { "", "! ", "> " };
	size_t len = strlen(heard);

	(void)arg;
	snprintf(heard + len, sizeof(heard) - len, "%s%s\n", marks[kind], text);
}

static const struct watcher watcher = { .hear = hear };

static void act(struct outcomes *oc)
{
	heard[0] = 0;
	outcome_add(oc, "web", OUTCOME_STARTED, 12, NULL);
	outcome_add(oc, "web", OUTCOME_STOPPED, 12, NULL);
	outcome_add(oc, "web", OUTCOME_KILLED, 12, "killed (did not end within 3s)");
	outcome_add(oc, "web", OUTCOME_SIGNALLED, 12, "SIGHUP sent");
	outcome_add(oc, "web", OUTCOME_REMOVED, 0, NULL);
	outcome_add(oc, "registry", OUTCOME_RESTARTED, 5, "");
	outcome_add(oc, "none", OUTCOME_UNKNOWN, 0, "no process has this name");
	outcome_complain(oc, "no process is called %s", "n\x1bo");
	outcome_quote(oc, "one\ntwo\n");
	outcome_registered(oc, "web", true);
	outcome_say(oc, "web: registered");
}

START_TEST(is_heard_as_it_comes)
{
	struct outcomes oc = { .watcher = &watcher };

	act(&oc);
	ck_assert_str_eq(heard,
		"web: started (pid 12)\nweb: stopped\nweb: killed (did not end within 3s)\nweb: SIGHUP sent (pid 12)\n"
		"web: removed\n! no process is called n\x1bo\n> one\n> two\nweb: registered\n");
	ck_assert_uint_eq(oc.n, 0);
	ck_assert_uint_eq(oc.n_errors, 0);
	ck_assert(!oc.list && !oc.error); /* so there is nothing to free */
}
END_TEST

START_TEST(is_kept)
{
	struct outcomes oc = { .keep = true };

	act(&oc);
	ck_assert_str_eq(heard, "");
	ck_assert_uint_eq(oc.n, 7);
	ck_assert_uint_eq(oc.list[0].kind, OUTCOME_STARTED);
	ck_assert_int_eq(oc.list[0].pid, 12);
	ck_assert(oc.list[0].registered && oc.list[0].asked_registry && !oc.list[6].asked_registry);
	ck_assert_str_eq(oc.list[6].text, "no process has this name");
	ck_assert_uint_eq(oc.n_errors, 1);
	ck_assert_str_eq(oc.error[0], "no process is called n\\x1bo");
	outcomes_done(&oc);
	ck_assert_uint_eq(oc.n + oc.n_errors, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("outcome");

	tcase_add_test(t, is_heard_as_it_comes);
	tcase_add_test(t, is_kept);
	return run_cases("client outcome", t, NULL);
}
