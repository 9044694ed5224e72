/* tests/unit/test_shm_latch.c - readers of a latch see whole records only, however its writers
 * end. */
#include <pthread.h>
#include <stdbool.h>

#include "shm_fixture.h"

#define WORDS	     39 /* as large as an ident */
#define RECORD_BYTES (8 * WORDS)

struct arena {
	_Atomic uint64_t torn, reads, busy, stop;
	struct latch latch; /* grows over the rest of the page */
};

static struct arena *arena_new(void)
{
	struct arena *a = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(a, MAP_FAILED);
	return a;
}

/* Word i of record n is n + i: any mixture of two records shows. */
static void write_record(struct arena *a, uint64_t n)
{
	uint64_t rec[WORDS];

	for (unsigned i = 0; i < WORDS; i++)
		rec[i] = n + i;
	latch_store(&a->latch, rec, RECORD_BYTES);
}

static bool read_is_whole(struct arena *a, uint64_t *ret_n)
{
	uint64_t rec[WORDS];

	if (latch_load(&a->latch, rec, RECORD_BYTES) < 0) {
		atomic_fetch_add(&a->busy, 1);
		return true;
	}
	atomic_fetch_add_explicit(&a->reads, 1, memory_order_relaxed);
	for (unsigned i = 0; i < WORDS; i++)
		if (rec[i] != rec[0] + i)
			return false;
	*ret_n = rec[0];
	return true;
}

static void reader(struct arena *a)
{
	uint64_t n = 0;

	while (!atomic_load(&a->stop))
		if (!read_is_whole(a, &n))
			atomic_fetch_add(&a->torn, 1);
	_exit(0);
}

static pid_t writer(struct arena *a, uint64_t first)
{
	pid_t pid = fork();

	if (pid == 0)
		for (uint64_t n = first;; n++)
			write_record(a, n);
	return pid;
}

START_TEST(killed_writers)
{
	struct arena *a = arena_new();
	uint64_t seed = test_seed(), last = 0, n = 0, until = clock_boot_ns() + 2 * NS_PER_SEC;
	unsigned kills = 0;
	bool whole = true; /* asserted once a round: each assertion costs Check a write to a file */
	pid_t other;

	write_record(a, 0);
	other = fork();
	if (other == 0)
		reader(a);
	while (kills < 100 || clock_boot_ns() < until) {
		pid_t pid = writer(a, last + 1);
		uint64_t stop = clock_boot_ns() + NS_PER_SEC;

		/* on a busy machine it takes a while until the writer has its turn */
		while (n == last && clock_boot_ns() < stop)
			whole = whole && read_is_whole(a, &n);
		stop = clock_boot_ns() + random_next(&seed) % NS_PER_MS;
		while (clock_boot_ns() < stop)
			whole = whole && read_is_whole(a, &n);
		kill_and_reap(pid);
		ck_assert(whole && read_is_whole(a, &n));
		ck_assert_uint_ge(n, last); /* the newest published record, never an older one */
		last = n;
		kills++;
	}
	atomic_store(&a->stop, 1);
	reap_good(other);
	ck_assert_uint_eq(atomic_load(&a->torn), 0);
	ck_assert_uint_gt(last, kills);
}
END_TEST

static void *writing_thread(void *arg)
{
	struct arena *a = arg;

	for (uint64_t n = 1; n < 100000; n++)
		write_record(a, n);
	atomic_store(&a->stop, 1);
	return NULL;
}

START_TEST(two_threads)
{
	struct arena *a = arena_new();
	uint64_t n = 0, last = 0;
	pthread_t t;

	write_record(a, 0);
	ck_assert_int_eq(pthread_create(&t, NULL, writing_thread, a), 0);
	while (!atomic_load(&a->stop)) {
		if (!read_is_whole(a, &n))
			atomic_fetch_add(&a->torn, 1);
		ck_assert_uint_ge(n, last);
		last = n;
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(atomic_load(&a->torn), 0);
	ck_assert(read_is_whole(a, &n));
	ck_assert_uint_eq(n, 99999);
}
END_TEST

/* What a writer leaves that was killed in the middle of the other copy, made by hand for every
 * length of the middle. */
START_TEST(half_written)
{
	struct arena *a = arena_new();
	uint64_t n = 0;

	write_record(a, 1000);
	write_record(a, 2000);
	for (unsigned words = 0; words <= WORDS; words++) {
		uint64_t version = atomic_load(&a->latch.version);

		for (unsigned i = 0; i < words; i++)
			atomic_store(&a->latch.word[((version + 1) & 1) * WORDS + i], 0xdeadull);
		ck_assert(read_is_whole(a, &n));
		ck_assert_uint_eq(n, 2000);
	}
	write_record(a, 3000);
	ck_assert(read_is_whole(a, &n));
	ck_assert_uint_eq(n, 3000);
}
END_TEST

START_TEST(version_wraps)
{
	struct arena *a = arena_new();
	uint64_t n = 0;

	atomic_store(&a->latch.version, UINT64_MAX);
	write_record(a, 5);
	ck_assert(read_is_whole(a, &n));
	ck_assert_uint_eq(n, 5);
	ck_assert_uint_eq(atomic_load(&a->latch.version), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("latch");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, killed_writers);
	tcase_add_test(tc, two_threads);
	tcase_add_test(tc, half_written);
	tcase_add_test(tc, version_wraps);
	return run_case(tc, "shm_latch");
}
