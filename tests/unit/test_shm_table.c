/* tests/unit/test_shm_table.c - rows: added, found, removed; and who may write which block, by rule
 * and by page table. */
#include <pthread.h>
#include <sys/resource.h>

#include "shm_fixture.h"

START_TEST(added_and_found)
{
	struct pt *pt = fresh(8), *spawner = join(PT_SPAWNER), *reader = join(PT_READER);
	struct pt_row row;
	struct pt_life life;
	uint64_t version;

	ck_assert_int_eq(pt_read(reader, 0, &row), -ENOENT);
	ck_assert_uint_eq(add_row(spawner, "alpha", 100), 0);
	ck_assert_uint_eq(add_row(spawner, "beta", 0), 1);
	ck_assert_uint_eq(pt_used(reader), 2);
	ck_assert_uint_eq(pt_high(reader), 2);
	ck_assert_int_eq(pt_find(reader, "beta", &row), 0);
	ck_assert_uint_eq(row.slot, 1);
	ck_assert_uint_eq(row.gen, 1);
	ck_assert_str_eq(row.ident.name, "beta");
	ck_assert_str_eq(row.ident.command, "/bin/beta --flag");
	ck_assert_uint_eq(row.life.state, PT_STATE_STOPPED);
	ck_assert_uint_eq(row.health.gen + row.log.gen + row.exit.gen, 0);
	ck_assert_int_eq(pt_find(reader, "bet", &row), -ENOENT);
	ck_assert_int_eq(pt_find(reader, "", &row), -ENOENT);
	ck_assert_int_eq(pt_read(reader, 8, &row), -ENOENT);
	ck_assert_int_eq(pt_read(reader, UINT32_MAX, &row), -ENOENT);
	version = pt_life_version(reader, 0);
	ck_assert_int_eq(pt_read_life(reader, 0, &life), 0);
	ck_assert_int_eq(life.pid, 100);
	pt_put_life(spawner, 0, &life);
	ck_assert_uint_ne(pt_life_version(reader, 0), version);
	pt_detach(reader);
	pt_detach(spawner);
	pt_detach(pt);
}
END_TEST

START_TEST(slots_again)
{
	struct pt *pt = fresh(4), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR);
	struct pt_health health = { .gen = 1, .verdict = PT_HEALTH_HEALTHY, .memory_bytes = 5 };
	struct pt_row row;

	add_row(spawner, "old", 0);
	add_row(spawner, "other", 0);
	pt_put_health(monitor, 0, &health);
	ck_assert_int_eq(pt_read(pt, 0, &row), 0);
	ck_assert_uint_eq(row.health.memory_bytes, 5);
	ck_assert_int_eq(pt_lock(spawner, 100), 0);
	pt_release(spawner, 0);
	pt_release(spawner, 0); /* twice is once */
	pt_unlock(spawner);
	ck_assert_uint_eq(pt_used(pt), 1);
	ck_assert_uint_eq(pt_gen(pt, 0), 2);
	ck_assert_int_eq(pt_find(pt, "old", &row), -ENOENT);
	ck_assert_uint_eq(add_row(spawner, "new", 0), 0);
	ck_assert_uint_eq(pt_gen(pt, 0), 3);
	ck_assert_int_eq(pt_read(pt, 0, &row), 0);
	ck_assert_str_eq(row.ident.name, "new");
	ck_assert_uint_eq(row.health.memory_bytes, 0); /* that was the one before */
	ck_assert_uint_eq(pt_high(pt), 2);
	pt_claim(spawner, 0); /* in use already */
	pt_claim(spawner, 4);
	pt_claim(spawner, UINT32_MAX);
	pt_release(spawner, 4);
	ck_assert_uint_eq(pt_gen(pt, 0), 3);
	ck_assert_uint_eq(pt_used(pt), 2);
	pt_detach(monitor);
	pt_detach(spawner);
	pt_detach(pt);
}
END_TEST

START_TEST(lagging_blocks)
{
	struct pt *guardian = fresh(4), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR),
		  *logger = join(PT_LOGGER);
	struct pt_health health = { .gen = 1, .verdict = PT_HEALTH_MAX };
	struct pt_log log = { .gen = 1, .state = PT_LOG_MAX };
	struct pt_exit box = { .gen = 99, .held = 1, .pid = 5 };
	struct pt_row row;

	add_row(spawner, "one", 0);
	pt_put_health(monitor, 0, &health);
	pt_put_log(logger, 0, &log);
	pt_put_exit(guardian, 0, &box);
	ck_assert_int_eq(pt_read(spawner, 0, &row), 0);
	ck_assert_uint_eq(row.health.gen, 0);
	ck_assert_uint_eq(row.log.gen, 0);
	ck_assert_int_eq(row.exit.pid, 0);
	ck_assert_uint_eq(row.exit.held, 1);
	box.gen = 1;
	pt_put_exit(guardian, 0, &box);
	ck_assert_int_eq(pt_read(spawner, 0, &row), 0);
	ck_assert_int_eq(row.exit.pid, 5);
	pt_detach(logger);
	pt_detach(monitor);
	pt_detach(spawner);
	pt_detach(guardian);
}
END_TEST

START_TEST(nonsense_rows)
{
	struct pt *pt = fresh(4), *spawner = join(PT_SPAWNER);
	struct pt_row good, row;
	struct pt_life life;

	add_row(spawner, "one", 0);
	ck_assert_int_eq(pt_read(pt, 0, &good), 0);
#define spoiled(block, put, change) \
	do { \
		struct pt_##block b_ = good.block; \
		struct pt_##block *b = &b_; \
		change; \
		ck_assert_int_eq(put(spawner, 0, b), 0); \
		ck_assert_int_eq(pt_read(pt, 0, &row), -EBADMSG); \
		ck_assert_int_eq(put(spawner, 0, &good.block), 0); \
		ck_assert_int_eq(pt_read(pt, 0, &row), 0); \
	} while (0)
	spoiled(ident, pt_put_ident, memset(b->name, 'x', sizeof(b->name)));
	spoiled(ident, pt_put_ident, memset(b->command, 'x', sizeof(b->command)));
	spoiled(ident, pt_put_ident, strcpy(b->name, "a/b"));
	spoiled(ident, pt_put_ident, strcpy(b->name, "\x1b[2J"));
	spoiled(ident, pt_put_ident, b->name[0] = 0);
	spoiled(ident, pt_put_ident, b->gen = 3);
	spoiled(ident, pt_put_ident, b->policy = PT_POLICY_MAX);
	spoiled(ident, pt_put_ident, b->service = PT_SERVICE_MAX);
	spoiled(ident, pt_put_ident, b->separate_stderr = 2);
	spoiled(life, pt_put_life, b->state = PT_STATE_MAX);
	spoiled(life, pt_put_life, b->reason = PT_REASON_MAX);
	spoiled(life, pt_put_life, b->launch_stage = PT_STAGE_MAX);
	spoiled(life, pt_put_life, b->pid = -1);
	spoiled(life, pt_put_life, b->gen = 0);
	life = good.life;
	life.state = 200;
	pt_put_life(spawner, 0, &life);
	ck_assert_int_eq(pt_read_life(pt, 0, &life), -EBADMSG);
	pt_detach(spawner);
	pt_detach(pt);
}
END_TEST

/* Each word that there is not makes the block say nothing. */
START_TEST(nonsense_health)
{
	struct pt *guardian = fresh(4), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR);
	struct pt_health good = { .gen = 1,
		.verdict = PT_HEALTH_MAX - 1,
		.startup = PT_PROBE_MAX - 1,
		.readiness = PT_PROBE_MAX - 1,
		.liveness = PT_PROBE_MAX - 1,
		.listing = PT_LISTING_MAX - 1 };
	struct pt_row row;

	add_row(spawner, "one", 0);
#define says(change, want) \
	do { \
		struct pt_health b = good; \
		change; \
		pt_put_health(monitor, 0, &b); \
		ck_assert_int_eq(pt_read(spawner, 0, &row), 0); \
		ck_assert_uint_eq(row.health.gen, want); \
	} while (0)
	says((void)0, 1);
	says(b.gen = 3, 0);
	says(b.verdict = PT_HEALTH_MAX, 0);
	says(b.startup = PT_PROBE_MAX, 0);
	says(b.readiness = PT_PROBE_MAX, 0);
	says(b.liveness = PT_PROBE_MAX, 0);
	says(b.listing = PT_LISTING_MAX, 0);
	says(memset(b.error, 'x', sizeof(b.error)), 0);
	says(memset(b.registry_status, 'x', sizeof(b.registry_status)), 0);
	says(memset(b.registry_id, 'x', sizeof(b.registry_id)), 0);
	says(memset(b.registry_endpoint, 'x', sizeof(b.registry_endpoint)), 0);
	pt_detach(monitor);
	pt_detach(spawner);
	pt_detach(guardian);
}
END_TEST

START_TEST(only_the_owner)
{
	static const enum pt_access all[] = { PT_GUARDIAN, PT_SPAWNER, PT_MONITOR, PT_LOGGER,
		PT_CLIENT, PT_READER };
	struct pt *first = fresh(4);
	struct pt_ident id = { .gen = 1 };
	struct pt_life life = { .gen = 1 };
	struct pt_health health = { .gen = 1 };
	struct pt_log log = { .gen = 1 };
	struct pt_exit box = { .gen = 1 };
	struct pt_daemon d = { .pid = 1 };

	for (unsigned i = 0; i < 6; i++) {
		struct pt *pt = join(all[i]);
		uint32_t used = pt_used(pt);

#define may(role) (all[i] == (role) ? 0 : -EPERM)
		ck_assert_int_eq(pt_put_ident(pt, 0, &id), may(PT_SPAWNER));
		ck_assert_int_eq(pt_put_life(pt, 0, &life), may(PT_SPAWNER));
		ck_assert_int_eq(pt_put_health(pt, 0, &health), may(PT_MONITOR));
		ck_assert_int_eq(pt_put_log(pt, 0, &log), may(PT_LOGGER));
		ck_assert_int_eq(pt_put_exit(pt, 0, &box),
			all[i] == PT_SPAWNER || all[i] > PT_LOGGER ? -EPERM : 0);
		ck_assert_int_eq(pt_put_daemon(pt, 0, &d), may(PT_GUARDIAN));
		ck_assert(!!pt_pid_cell(pt, 3) == (all[i] == PT_SPAWNER));
		ck_assert_ptr_null(pt_pid_cell(pt, 4));
		if (all[i] != PT_SPAWNER)
			pt_claim(pt, 0);
		ck_assert_uint_eq(pt_used(pt), used);
		if (all[i] == PT_SPAWNER)
			ck_assert_int_eq(pt_put_life(pt, 4, &life), -ERANGE);
		if (all[i] == PT_GUARDIAN)
			ck_assert_int_eq(pt_put_daemon(pt, ROLE_MAX, &d), -ERANGE);
		pt_changed(pt);
		pt_detach(pt);
	}
	ck_assert_uint_eq(pt_changes(first), 5);
	pt_detach(first);
}
END_TEST

/* Does a store into the first byte of a region end the process? In a child, as it may. */
static bool store_is_fatal(struct pt *pt, enum seg_region_id id, uint64_t at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		volatile unsigned char *byte = pt->base + pt->header.region[id].offset + at;

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would make it an exit */
		*byte = *byte;		  // cppcheck-suppress selfAssignment
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) || WTERMSIG(status) == SIGSEGV);
	return WIFSIGNALED(status);
}

START_TEST(page_tables)
{
	static const enum pt_access all[] = { PT_GUARDIAN, PT_SPAWNER, PT_MONITOR, PT_LOGGER,
		PT_CLIENT, PT_READER };
	static const int owner[SEG_REGION_MAX] = {
		[SEG_SHARED] = -1,
		[SEG_GENS] = -1,
		[SEG_COMMANDS] = -1, /* every writer's */
		[SEG_DAEMONS] = PT_GUARDIAN,
		[SEG_EXITS] = PT_GUARDIAN,
		[SEG_GUARDIAN_EVENTS] = PT_GUARDIAN,
		[SEG_IDENTS] = PT_SPAWNER,
		[SEG_LIVES] = PT_SPAWNER,
		[SEG_PIDS] = PT_SPAWNER,
		[SEG_SPAWNER_EVENTS] = PT_SPAWNER,
		[SEG_HEALTHS] = PT_MONITOR,
		[SEG_MONITOR] = PT_MONITOR,
		[SEG_MONITOR_EXITS] = PT_MONITOR,
		[SEG_MONITOR_EVENTS] = PT_MONITOR,
		[SEG_LOGS] = PT_LOGGER,
		[SEG_LOGGER_EXITS] = PT_LOGGER,
		[SEG_LOGGER_EVENTS] = PT_LOGGER,
	};
	struct pt *first = fresh(100);

	for (unsigned i = 0; i < 6; i++) {
		struct pt *pt = join(all[i]);

		for (unsigned r = 0; r < SEG_REGION_MAX; r++) {
			const struct seg_region *region = &pt->header.region[r];
			bool allowed = all[i] != PT_READER &&
				(owner[r] == -1 || owner[r] == (int)all[i]);

			ck_assert_msg(store_is_fatal(pt, r, 0) == !allowed, "access %u, region %s",
				all[i], seg_region_label(r));
			ck_assert(
				store_is_fatal(pt, r,
					(uint64_t)region->stride * region->count - 1) == !allowed);
		}
		pt_detach(pt);
	}
	for (unsigned i = 0; i < 6; i++) { /* nobody writes the header */
		struct pt *pt = join(all[i]);

		pt->header.region[0].offset = 0;
		ck_assert(store_is_fatal(pt, 0, 0));
		pt_detach(pt);
	}
	pt_detach(first);
}
END_TEST

static void *bump(void *arg)
{
	usleep(100000);
	pt_changed(arg);
	return NULL;
}

START_TEST(waiting_for_change)
{
	struct pt *pt = fresh(4), *reader = join(PT_READER), *spawner = join(PT_SPAWNER);
	uint32_t seen = pt_changes(reader);
	uint64_t began = clock_boot_ns(), took;
	pthread_t t;

	/* works on a read-only mapping */
	ck_assert_int_eq(pt_wait_change(reader, seen, 50 * NS_PER_MS), -ETIMEDOUT);
	took = clock_boot_ns() - began;
	ck_assert_uint_ge(took, 49 * NS_PER_MS);
	ck_assert_int_eq(pthread_create(&t, NULL, bump, spawner), 0);
	ck_assert_int_eq(pt_wait_change(reader, seen, UINT64_MAX), 0);
	ck_assert_uint_eq(pt_changes(reader), seen + 1);
	ck_assert_int_eq(pt_wait_change(reader, seen, UINT64_MAX), 0);
	pthread_join(t, NULL);
	pt_detach(spawner);
	pt_detach(reader);
	pt_detach(pt);
}
END_TEST

struct churn {
	struct pt *spawner;
	_Atomic int stop;
};

/* Rows come and go; each one's blocks all speak of the same number. */
static void *churning(void *arg)
{
	struct churn *c = arg;

	for (unsigned n = 1; n < 20000; n++) {
		struct pt_ident id = { .created_real_ns = n };
		struct pt_life life = { .since_real_ns = n };
		uint32_t slot, gen;

		snprintf(id.name, sizeof(id.name), "n%u", n % 3);
		if (pt_lock(c->spawner, 1000) < 0)
			continue;
		pt_release(c->spawner, n & 1);
		if (pt_free_slot(c->spawner, &slot, &gen) == 0) {
			id.gen = life.gen = gen;
			pt_put_ident(c->spawner, slot, &id);
			pt_put_life(c->spawner, slot, &life);
			pt_claim(c->spawner, slot);
		}
		pt_unlock(c->spawner);
	}
	atomic_store(&c->stop, 1);
	return NULL;
}

START_TEST(reading_meanwhile)
{
	struct pt *pt = fresh(2), *reader;
	struct churn c = { .spawner = join(PT_SPAWNER) };
	struct pt_row row;
	pthread_t t;
	uint64_t good = 0;

	reader = c.spawner; /* the same addresses, else ThreadSanitizer sees no connection */
	ck_assert_int_eq(pthread_create(&t, NULL, churning, &c), 0);
	while (!atomic_load(&c.stop)) {
		for (uint32_t i = 0; i < 2; i++) {
			int r = pt_read(reader, i, &row);

			ck_assert_msg(r == 0 || r == -ENOENT || r == -EBUSY, "%d", r);
			if (r == 0)
				ck_assert_uint_eq(
					row.ident.created_real_ns, row.life.since_real_ns);
			good += r == 0;
		}
		if (pt_find(reader, "n1", &row) == 0)
			ck_assert_str_eq(row.ident.name, "n1");
	}
	pthread_join(t, NULL);
	ck_assert_uint_gt(good, 0);
	pt_detach(c.spawner);
	pt_detach(pt);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("table");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, added_and_found);
	tcase_add_test(tc, slots_again);
	tcase_add_test(tc, lagging_blocks);
	tcase_add_test(tc, nonsense_rows);
	tcase_add_test(tc, nonsense_health);
	tcase_add_test(tc, only_the_owner);
	tcase_add_test(tc, page_tables);
	tcase_add_test(tc, waiting_for_change);
	tcase_add_test(tc, reading_meanwhile);
	return run_case(tc, "shm_table");
}
