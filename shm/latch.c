/* shm/latch.c - see shm/latch.h for the protocol; tests/unit/test_shm_latch.c kills writers between
 * any two instructions. */
#include "shm/latch.h"

#include <errno.h>
#include <stdatomic.h>

#include "shm/table.h"

void latch_store(struct latch *l, const void *rec, size_t record_bytes)
{
	const uint64_t *from = rec;
	size_t words = record_bytes / 8;
	uint64_t version = atomic_load_explicit(&l->version, memory_order_relaxed);
	_Atomic uint64_t *to = &l->word[((version + 1) & 1) * words];

	for (size_t i = 0; i < words; i++)
		atomic_store_explicit(&to[i], from[i], memory_order_release);
	atomic_store_explicit(&l->version, version + 1, memory_order_release);
}

/* Four at a time: readers of the whole table spend a good part of their time here, and compilers
 * leave loops of atomic loads as they are. */
static void load_words(uint64_t *to, const _Atomic uint64_t *from, size_t words)
{
	size_t i = 0;

	for (; i + 4 <= words; i += 4) {
		to[i] = atomic_load_explicit(&from[i], memory_order_acquire);
		to[i + 1] = atomic_load_explicit(&from[i + 1], memory_order_acquire);
		to[i + 2] = atomic_load_explicit(&from[i + 2], memory_order_acquire);
		to[i + 3] = atomic_load_explicit(&from[i + 3], memory_order_acquire);
	}
	for (; i < words; i++)
		to[i] = atomic_load_explicit(&from[i], memory_order_acquire);
}

int latch_load(const struct latch *l, void *rec, size_t record_bytes)
{
	uint64_t *to = rec;
	size_t words = record_bytes / 8;

	for (unsigned tries = 0; tries < PT_READ_TRIES; tries++) {
		uint64_t version = atomic_load_explicit(&l->version, memory_order_acquire);
		const _Atomic uint64_t *from = &l->word[(version & 1) * words];

		load_words(to, from, words);
		if (atomic_load_explicit(&l->version, memory_order_relaxed) == version)
			return 0;
	}
	return -EBUSY;
}
