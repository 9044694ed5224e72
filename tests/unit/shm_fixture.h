/*
 * tests/unit/shm_fixture.h - what the tests of shm/ share: a home in a folder of its own, segments
 * in it, their removal.
 *
 * home_setup() and home_teardown() are unchecked fixtures: they run in the test runner itself, so
 * that what a test made is removed also when the test's own process was killed.
 */
#ifndef TESTS_SHM_FIXTURE_H
#define TESTS_SHM_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "shm/layout.h"
#include "shm/lock.h"
#include "tests/unit/run.h"

#define MAYBE __attribute__((unused)) static

MAYBE char home_root[64];
MAYBE struct home home = HOME_INIT;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

MAYBE void home_setup(void)
{
	struct fault f = { "" };
	char path[128];

	snprintf(home_root, sizeof(home_root), "/tmp/tend-unit-XXXXXX");
	if (!mkdtemp(home_root))
		abort();
	snprintf(path, sizeof(path), "%s/a home", home_root);
	if (home_open(path, HOME_CREATE, &home, &f) < 0) {
		fprintf(stderr, "%s\n", f.text);
		abort();
	}
}

MAYBE void home_teardown(void)
{
	char path[160];

	pt_unlink(&home);
	seg_path(&home, path);
	strcat(path, ".new");
	unlink(path);
	home_close(&home);
	nftw(home_root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new segment, in the place of what was there. */
MAYBE struct pt *fresh(uint32_t capacity)
{
	struct fault f = { "" };
	struct pt *pt = NULL;

	ck_assert_msg(pt_create(&home, capacity, NULL, &pt, &f) == 0, "%s", f.text);
	return pt;
}

MAYBE struct pt *join(enum pt_access access)
{
	struct fault f = { "" };
	struct pt *pt = NULL;

	ck_assert_msg(pt_attach_as(&home, access, &pt, &f) == 0, "%s", f.text);
	return pt;
}

/* The descriptor of the segment's file, opened past every check. */
MAYBE int raw_open(void)
{
	char path[128];
	int fd;

	seg_path(&home, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Add a row as the spawner does; returns its slot. */
MAYBE uint32_t add_row(struct pt *spawner, const char *name, int32_t pid)
{
	struct pt_ident id = { .spec_hash = 7, .policy = PT_POLICY_ALWAYS, .stop_signal = SIGTERM };
	struct pt_life life = {
		.pid = pid, .life = 1, .state = pid ? PT_STATE_RUNNING : PT_STATE_STOPPED, .want = 1
	};
	uint32_t slot, gen;

	str_copy(id.name, sizeof(id.name), name);
	snprintf(id.command, sizeof(id.command), "/bin/%s --flag", name);
	ck_assert_int_eq(pt_lock(spawner, 1000), 0);
	ck_assert_int_eq(pt_free_slot(spawner, &slot, &gen), 0);
	id.gen = life.gen = gen;
	id.created_real_ns = life.since_real_ns = clock_real_ns();
	ck_assert_int_eq(pt_put_ident(spawner, slot, &id), 0);
	ck_assert_int_eq(pt_put_life(spawner, slot, &life), 0);
	pt_claim(spawner, slot);
	pt_unlock(spawner);
	return slot;
}

/* Wait for a child that must have ended well. */
MAYBE void reap_good(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"the child ended with status 0x%x", (unsigned)status);
}

MAYBE void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* A seed that can be given by hand (TEND_SEED) and is shown, so that a failure can be had again. */
MAYBE uint64_t test_seed(void)
{
	const char *text = getenv("TEND_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : clock_real_ns() ^ (uint64_t)getpid() << 32;

	printf("TEND_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* xorshift64* */
MAYBE uint64_t random_next(uint64_t *state)
{
	*state = *state ? *state : 88172645463325252ull;
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

MAYBE int run_case(TCase *tc, const char *name)
{
	tcase_add_unchecked_fixture(tc, home_setup, home_teardown);
	return run_cases(name, tc, NULL);
}

#endif
