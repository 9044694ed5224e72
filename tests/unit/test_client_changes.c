/* links: tests/unit/instance.c */
/* The change counters of two homes in one program, as descriptors. */
#define _GNU_SOURCE 1
#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/procfs.h"
#include "client/changes.h"
#include "shm/owner.h"
#include "tests/unit/instance.h"
#include "tests/unit/run.h"

static struct instance here, there;

static struct changes *open_changes(const char *home)
{
	struct changes *c = NULL;
	struct fault f = { "" };

	ck_assert_msg(changes_open(home, &c, &f) == 0, "%s", f.text);
	return c;
}

static bool ready(const struct changes *c, int ms)
{
	struct pollfd p = { .fd = changes_fd(c), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Waits for the next news; returns what changes_take() does. */
static bool next(struct changes *c)
{
	ck_assert(ready(c, 10000));
	return changes_take(c);
}

/* Until nothing comes any more: a change may be told twice. */
static void settle(struct changes *c)
{
	while (ready(c, 100))
		(void)changes_take(c);
}

static size_t threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

START_TEST(each_home_tells_of_its_own_changes)
{
	struct changes *a, *b;
	uint32_t slot;

	instance_make(&here, 8);
	instance_make(&there, 8);
	slot = instance_add(&here, "web", PT_SERVICE_AGENT);
	a = open_changes(here.dir);
	b = open_changes(there.dir);
	ck_assert(next(a)); /* the first table is another one than none */
	ck_assert(next(b));
	settle(a);
	settle(b);
	instance_running(&here, slot, getpid());
	pt_changed(here.spawner);
	ck_assert(!next(a));
	ck_assert(!ready(b, 100));
	changes_close(a);
	changes_close(b);
	instance_remove(&here);
	instance_remove(&there);
}
END_TEST

START_TEST(another_table_is_told_of)
{
	struct changes *c;
	pid_t logger;

	instance_make(&here, 8);
	c = open_changes(here.dir);
	ck_assert(next(c));
	settle(c);
	logger = instance_daemon(&here, ROLE_LOGGER, true);
	settle(c);
	instance_replace(&here, 16, ROLE_LOGGER);
	ck_assert(next(c));
	(void)instance_end(logger, SIGTERM);
	changes_close(c);
	instance_remove(&here);
}
END_TEST

/* Neither of them is announced by anybody. */
START_TEST(a_table_that_goes_and_comes_is_told_of)
{
	struct changes *c;
	struct pt *again = NULL;

	instance_make(&here, 8);
	ck_assert_int_eq(pt_unlink(&here.home), 0);
	c = open_changes(here.dir);
	ck_assert(!ready(c, 100));
	ck_assert_int_eq(pt_create(&here.home, 8, NULL, &again, NULL), 0);
	ck_assert(next(c));
	settle(c);
	ck_assert_int_eq(pt_unlink(&here.home), 0);
	ck_assert(next(c));
	pt_detach(again);
	changes_close(c);
	instance_remove(&here);
}
END_TEST

START_TEST(the_death_of_a_daemon_is_told_of)
{
	struct pt_daemon d = { .pid = 0 };
	struct procfs_stat st;
	struct changes *c;

	instance_make(&here, 8);
	d.pid = fork();
	ck_assert_int_ge(d.pid, 0);
	if (d.pid == 0) {
		(void)pause();
		_exit(0);
	}
	ck_assert_int_eq(procfs_stat(d.pid, &st), 0);
	d.start_ticks = st.start_ticks;
	ck_assert_int_eq(pt_put_daemon(here.guardian, ROLE_SPAWNER, &d), 0);
	c = open_changes(here.dir);
	ck_assert(next(c));
	settle(c);
	(void)instance_end(d.pid, SIGKILL);
	ck_assert(!next(c));
	changes_close(c);
	instance_remove(&here);
}
END_TEST

START_TEST(a_home_that_is_made_later_is_found)
{
	struct changes *c;
	struct fault f = { "" };
	struct pt *pt = NULL;
	char path[128];

	instance_make(&here, 8);
	ck_assert_int_gt(snprintf(path, sizeof(path), "%s/later", here.dir), 0);
	c = open_changes(path);
	ck_assert(!ready(c, 100));
	ck_assert_int_eq(home_open(path, HOME_CREATE, &there.home, &f), 0);
	ck_assert_int_eq(pt_create(&there.home, 8, NULL, &pt, &f), 0);
	ck_assert(next(c));
	changes_close(c);
	ck_assert_int_eq(pt_unlink(&there.home), 0);
	pt_detach(pt);
	home_close(&there.home);
	instance_remove(&here);
}
END_TEST

static void open_and_close_many(void)
{
	for (unsigned i = 0; i < 20; i++) {
		struct changes *c = open_changes(i % 2 ? here.dir : "/nowhere/at/all");

		if (i % 3 == 0)
			(void)ready(c, 10);
		changes_close(c);
	}
}

/* A sanitizer may have threads of its own, which come with the first of others. */
START_TEST(nothing_is_left_behind)
{
	size_t left;

	instance_make(&here, 8);
	open_and_close_many();
	INSTANCE_AWAIT(threads() <= 3);
	left = threads();
	open_and_close_many();
	changes_close(NULL);
	INSTANCE_AWAIT(threads() <= left);
	instance_remove(&here);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("changes");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_home_tells_of_its_own_changes);
	tcase_add_test(t, another_table_is_told_of);
	tcase_add_test(t, a_table_that_goes_and_comes_is_told_of);
	tcase_add_test(t, the_death_of_a_daemon_is_told_of);
	tcase_add_test(t, a_home_that_is_made_later_is_found);
	tcase_add_test(t, nothing_is_left_behind);
	return run_cases("client changes", t, NULL);
}
