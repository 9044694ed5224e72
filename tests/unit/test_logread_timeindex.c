/*
 * tests/unit/test_logread_timeindex.c - logread/timeindex.c: what ends the walk through an index,
 * and where.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "logread/timeindex.h"
#include "tests/unit/run.h"

#define LOG_BYTES 10000u
#define INODE	  77u
#define COUNT	  200u /* more than a cursor's buffer has */

/* The entry of this number in an index without fault. */
static struct tidx_entry good(unsigned i)
{
	return (struct tidx_entry){ .offset = 40ull * i, .real_ns = 1000ull + i, .life = 1 + i };
}

/* An index whose entry `at` is another one; at COUNT: none is. */
static int index_with(unsigned at, struct tidx_entry other)
{
	struct tidx_head head = { .magic = TIDX_MAGIC, .inode = INODE, .start_bytes = 5 };
	int fd = memfd_create("index", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, &head, sizeof(head)), sizeof(head));
	for (unsigned i = 0; i < COUNT; i++) {
		struct tidx_entry e = i == at ? other : good(i);

		ck_assert_int_eq(write(fd, &e, sizeof(e)), sizeof(e));
	}
	return fd;
}

static int load(struct tidx *t, int fd, struct fault *f)
{
	struct stat log = { .st_ino = INODE, .st_size = LOG_BYTES };
	int r = tidx_load(t, fd, &log, f);

	close(fd);
	return r;
}

static uint64_t place(unsigned i)
{
	return sizeof(struct tidx_head) + i * sizeof(struct tidx_entry);
}

START_TEST(all_of_it)
{
	struct tidx t;

	ck_assert_int_eq(load(&t, index_with(COUNT, good(0)), NULL), 0);
	ck_assert_uint_eq(t.n, COUNT);
	ck_assert_uint_eq(t.damaged_at, 0);
	ck_assert_uint_eq(t.start_bytes, 5);
	for (unsigned i = 0; i < COUNT; i++) {
		struct tidx_entry e = good(i);

		ck_assert_mem_eq(&t.entries[i], &e, sizeof(e));
	}
	tidx_free(&t);
	ck_assert_uint_eq(t.n, 0);
}
END_TEST

/* Equal offsets and equal times are no fault, and neither is one at the very end of the log. */
START_TEST(the_edges_are_good)
{
	const struct tidx_entry edge[] = {
		{ .offset = good(8).offset, .real_ns = good(9).real_ns },
		{ .offset = good(9).offset, .real_ns = good(8).real_ns },
		{ .offset = good(10).offset, .real_ns = good(9).real_ns },
		{ .offset = good(9).offset, .real_ns = good(10).real_ns },
	};
	struct tidx_entry last = { .offset = LOG_BYTES, .real_ns = 1u << 20 };
	struct tidx t;

	for (unsigned i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
		ck_assert_int_eq(load(&t, index_with(9, edge[i]), NULL), 0);
		ck_assert_uint_eq(t.n, COUNT);
		tidx_free(&t);
	}
	ck_assert_int_eq(load(&t, index_with(COUNT - 1, last), NULL), 0);
	ck_assert_uint_eq(t.n, COUNT);
	tidx_free(&t);
}
END_TEST

/* Each fault alone ends the walk at its entry, also at the first of the cursor's next buffer. */
START_TEST(each_fault_ends_it)
{
	static const unsigned where[] = { 1, 9, 63, 64, COUNT - 1 };

	for (unsigned k = 0; k < sizeof(where) / sizeof(where[0]); k++) {
		unsigned i = where[k];
		struct tidx_entry e = good(i);
		const struct tidx_entry bad[] = {
			{ .offset = good(i - 1).offset - (i > 1),
				.real_ns = i > 1 ? e.real_ns : 0 },
			{ .offset = e.offset, .real_ns = good(i - 1).real_ns - 1 },
			{ .offset = e.offset, .real_ns = 0 },
			{ .offset = e.offset, .real_ns = e.real_ns, .flags = 1 },
		};

		for (unsigned b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
			struct tidx t;

			ck_assert_int_eq(load(&t, index_with(i, bad[b]), NULL), 0);
			ck_assert_msg(t.n == i && t.damaged_at == place(i),
				"fault %u in entry %u: %zu entries, damaged at %llu", b, i, t.n,
				(unsigned long long)t.damaged_at);
			tidx_free(&t);
		}
	}
}
END_TEST

/* It ends the walk, but is no damage: the log may have grown since it was looked at. */
START_TEST(behind_the_end_of_the_log)
{
	struct tidx_entry e = { .offset = LOG_BYTES + 1, .real_ns = good(9).real_ns };
	struct stat log = { .st_ino = INODE, .st_size = LOG_BYTES };
	int fd = index_with(9, e);
	struct tidx_cursor c;
	unsigned n = 0;

	ck_assert_int_eq(tidx_begin(&c, fd, &log, NULL), 0);
	while (tidx_next(&c, &e))
		n++;
	ck_assert_uint_eq(n, 9);
	ck_assert(c.cut);
	ck_assert_uint_eq(c.damaged_at, 0);
	ck_assert(!tidx_next(&c, &e)); /* and it stays ended */
	close(fd);
}
END_TEST

START_TEST(which_entry_covers)
{
	struct tidx_entry early = { .offset = 1, .real_ns = 1 }, bad = { .real_ns = 0 };
	struct tidx t;

	ck_assert_int_eq(load(&t, index_with(0, early), NULL), 0);
	ck_assert_ptr_null(tidx_at(&t, 0));
	ck_assert_ptr_eq(tidx_at(&t, 1), &t.entries[0]);
	for (unsigned i = 1; i < COUNT; i++) {
		ck_assert_ptr_eq(tidx_at(&t, good(i).offset - 1), &t.entries[i - 1]);
		ck_assert_ptr_eq(tidx_at(&t, good(i).offset), &t.entries[i]);
	}
	ck_assert_ptr_eq(tidx_at(&t, LOG_BYTES * 2), &t.entries[COUNT - 1]);
	tidx_free(&t);
	/* of bytes behind the last entry before the damage nothing is known */
	ck_assert_int_eq(load(&t, index_with(9, bad), NULL), 0);
	ck_assert_ptr_eq(tidx_at(&t, good(7).offset + 1), &t.entries[7]);
	ck_assert_ptr_eq(tidx_at(&t, good(8).offset), &t.entries[8]);
	ck_assert_ptr_null(tidx_at(&t, good(8).offset + 1));
	tidx_free(&t);
	ck_assert_int_eq(load(&t, index_with(0, bad), NULL), 0);
	ck_assert_uint_eq(t.n, 0);
	ck_assert_uint_eq(t.damaged_at, place(0));
	ck_assert_ptr_null(tidx_at(&t, 0));
	tidx_free(&t);
}
END_TEST

START_TEST(no_index)
{
	struct tidx_head head = { .magic = TIDX_MAGIC + 1, .inode = INODE };
	struct fault f = { "" };
	struct tidx t;
	int fd = memfd_create("index", MFD_CLOEXEC);

	ck_assert_int_eq(load(&t, dup(fd), &f), 0); /* just made */
	ck_assert_uint_eq(t.n, 0);
	ck_assert_int_eq(pwrite(fd, &head, sizeof(head) - 1, 0), sizeof(head) - 1);
	ck_assert_int_eq(load(&t, dup(fd), &f), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(f.text, "cut short"));
	ck_assert_int_eq(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(load(&t, dup(fd), &f), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(f.text, "not a time index"));
	head = (struct tidx_head){ .magic = TIDX_MAGIC, .inode = INODE + 1 };
	ck_assert_int_eq(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(load(&t, fd, &f), -ESTALE);
	ck_assert_ptr_nonnull(strstr(f.text, "another file"));
	ck_assert_uint_eq(t.n, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("index");

	tcase_add_test(tc, all_of_it);
	tcase_add_test(tc, the_edges_are_good);
	tcase_add_test(tc, each_fault_ends_it);
	tcase_add_test(tc, behind_the_end_of_the_log);
	tcase_add_test(tc, which_entry_covers);
	tcase_add_test(tc, no_index);
	return run_cases("logread/timeindex", tc, NULL);
}
