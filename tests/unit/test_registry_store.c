/* tests/unit/test_registry_store.c - the agents on the disk: what a late write of heartbeats must
 * not undo. */
/* links: registry/store.c registry/table.c registry/agents.c registry/parts.c registry/stored.c registry/rules.c registry/json.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/json.h"
#include "registry/store.h"
#include "tests/unit/run.h"

static const struct age_rules rules = { 20ull * 1000000000, 3600ull * 1000000000 };
static char folder[64], path[96];

static void set_up(void)
{
	strcpy(folder, "/tmp/test-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/r.db", folder);
}

static void tear_down(void)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char file[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, suffix[i]);
		(void)unlink(file);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct store *opened(void)
{
	struct store *s = NULL;
	struct fault f = { "" };

	ck_assert_msg(store_open(path, &s, &f) == 0, "%s", f.text);
	return s;
}

static struct agent *make(const char *description, uint64_t seen)
{
	struct fault f = { "" };
	struct agent *a;
	char text[200];
	cJSON *body;

	snprintf(text, sizeof(text),
		"{\"agent_id\":\"a\",\"description\":\"%s\",\"tools\":[{\"function_name\":\"f\",\"capability\":\"c\"}]}",
		description);
	body = json_object(text, strlen(text), &f);
	a = agent_from_heartbeat(body, &rules, &f);
	ck_assert_msg(a != NULL, "%s", f.text);
	cJSON_Delete(body);
	a->seen_real_ns = a->updated_real_ns = a->created_real_ns = seen;
	return a;
}

/* The one agent that is stored. */
static void check_stored(const char *description, const char *said, uint64_t seen)
{
	struct table t = { .rules = rules };
	struct store *s = opened();
	struct fault f;
	size_t damaged;

	ck_assert_int_eq(store_load(s, &t, 1000, &damaged, &f), 0);
	ck_assert_uint_eq(damaged, 0);
	ck_assert_uint_eq(t.n, 1);
	ck_assert_ptr_nonnull(strstr(t.all[0]->text, description));
	ck_assert_str_eq(t.all[0]->said, said);
	ck_assert_uint_eq(t.all[0]->seen_real_ns, seen);
	table_done(&t);
	store_close(s);
}

START_TEST(a_late_heartbeat_does_not_undo_a_registration)
{
	struct store_beat late = { .id = "a",
		.said = "offline",
		.left = true,
		.updated_real_ns = 10,
		.seen_real_ns = 10 };
	struct store_beat next = {
		.id = "a", .said = "degraded", .updated_real_ns = 30, .seen_real_ns = 30
	};
	struct agent *a = make("registered at 20", 20);
	struct store *s = opened();
	struct fault f;

	ck_assert_int_eq(store_put(s, a, &f), 0);
	agent_free(a);
	ck_assert_int_eq(store_beats(s, &late, 1, &f), 0);
	store_close(s);
	check_stored("registered at 20", "", 20);
	s = opened();
	ck_assert_int_eq(store_beats(s, &next, 1, &f), 0);
	store_close(s);
	check_stored("registered at 20", "degraded", 30);
}
END_TEST

START_TEST(the_newer_registration_stays)
{
	struct agent *old = make("registered at 10", 10), *new = make("registered at 20", 20);
	struct store *s = opened();
	struct fault f;

	ck_assert_int_eq(store_put(s, old, &f), 0);
	ck_assert_int_eq(store_put(s, new, &f), 0);
	agent_free(old);
	agent_free(new);
	store_close(s);
	check_stored("registered at 20", "", 20);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_late_heartbeat_does_not_undo_a_registration);
	tcase_add_test(t, the_newer_registration_stays);
	return run_cases("registry/store", t, NULL);
}
