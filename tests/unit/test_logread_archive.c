/*
 * tests/unit/test_logread_archive.c - logread/archive_write.c, archive_index.c, filter.c: round
 * trips, what lz4(1) says of them, and damage everywhere.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "logread/archive.h"
#include "logread/archive_index.h"
#include "logread/filter.h"
#include "logread/format.h"
#include "logread/parse.h"
#include "tests/unit/run.h"

static char folder[] = "/tmp/tend-archive-XXXXXX";

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave(void)
{
	static const char *const names[] = { "raw", "idx", "a.lz4", "back", NULL };

	for (unsigned i = 0; names[i]; i++)
		(void)unlink(names[i]);
	(void)rmdir(folder);
}

static int file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void put(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
}

static int make_raw(unsigned lines)
{
	char *text = malloc(lines * 100 + 1);
	size_t len = 0;
	int fd = file("raw");

	for (unsigned i = 0; i < lines; i++)
		len += (size_t)sprintf(text + len,
			"2025-01-02 03:04:05 %s request %08u took %u ms\n",
			i % 100 == 7 ? "ERROR" : "INFO", i, i * 7919 % 1000);
	put(fd, text, len);
	free(text);
	return fd;
}

/* An index for raw: one entry for each step bytes. */
static int make_idx(int raw, uint64_t step)
{
	struct tidx_head head = { .magic = TIDX_MAGIC };
	struct stat st;
	int fd = file("idx");

	ck_assert_int_eq(fstat(raw, &st), 0);
	head.inode = st.st_ino;
	head.device = st.st_dev;
	put(fd, &head, sizeof(head));
	for (uint64_t at = 0; at < (uint64_t)st.st_size; at += step) {
		struct tidx_entry e = { .offset = at, .real_ns = 1000 + at, .life = 1 };

		put(fd, &e, sizeof(e));
	}
	return fd;
}

static struct archive_sums pack(int raw, int idx)
{
	struct archive_sums sums = { 0 }, again = { 0 };
	struct fault f = { "" };
	int out = file("a.lz4");

	ck_assert_msg(archive_write(raw, idx, out, NULL, &sums, &f) == 0, "%s", f.text);
	ck_assert_msg(archive_read_sums(out, &again, &f) == 0, "%s", f.text);
	ck_assert_int_eq(memcmp(&sums, &again, sizeof(sums)), 0);
	close(out);
	return sums;
}

static void check_with_lz4(void)
{
	ck_assert_int_eq(system("lz4 -q -t a.lz4 2>&1 && lz4cat a.lz4 >back && cmp raw back"), 0);
}

static uint64_t candidates(int fd, const struct archive_index *x, const char *text)
{
	uint64_t ret = 0;
	struct fault f = { "" };

	ck_assert_msg(archive_index_candidates(fd, x, 0, text, strlen(text), &ret, &f) == 0, "%s",
		f.text);
	return ret;
}

START_TEST(round_trip)
{
	struct archive_index x;
	struct fault f;
	int raw = make_raw(30000), idx = make_idx(raw, 100000), out;
	struct archive_sums s = pack(raw, idx);
	struct stat st;

	fstat(raw, &st);
	ck_assert_uint_eq(s.raw_bytes, (uint64_t)st.st_size);
	ck_assert_uint_eq(s.lines, 30000);
	check_with_lz4();
	out = open("a.lz4", O_RDONLY | O_CLOEXEC);
	ck_assert_uint_eq(s.file_bytes, (uint64_t)lseek(out, 0, SEEK_END));
	ck_assert_msg(archive_index_load(out, &x, &f) == 0, "%s", f.text);
	ck_assert_uint_gt(x.head.blocks, 3);
	ck_assert_uint_eq(x.head.entries, ((uint64_t)st.st_size + 99999) / 100000);
	ck_assert_uint_eq(x.blocks[0].levels, 1u << LOG_LEVEL_INFO | 1u << LOG_LEVEL_ERROR);
	ck_assert_uint_eq(x.blocks[0].first_real_ns, 1000);
	ck_assert_uint_eq(
		x.blocks[1].first_real_ns, 1000 + x.blocks[1].raw_offset / 100000 * 100000);
	ck_assert_uint_eq(
		x.blocks[0].last_real_ns, 1000 + (x.blocks[1].raw_offset - 1) / 100000 * 100000);
	ck_assert(candidates(out, &x, "request 00000100") & 1);
	ck_assert(candidates(out, &x, "REQUEST 00000100") & 1);
	ck_assert_uint_eq(candidates(out, &x, "timeout"), 0);
	ck_assert_uint_eq(candidates(out, &x, "re"), UINT64_MAX);
	ck_assert(candidates(out, &x, "2025-01-02 03:04:05 INFO request 00000102 took") & 1);
	ck_assert_uint_eq(
		candidates(out, &x, "2025-01-02 03:04:05 INFO request of quite another kind"), 0);
	archive_index_free(&x);
	close(out);
	close(raw);
	close(idx);
}
END_TEST

START_TEST(odd_files)
{
	static char big[700000];
	struct archive_sums s;
	int raw = file("raw");

	s = pack(raw, -1);
	ck_assert_uint_eq(s.raw_bytes + s.lines, 0);
	check_with_lz4();
	put(raw, "no line end", 11);
	s = pack(raw, -1);
	ck_assert_uint_eq(s.lines, 1);
	check_with_lz4();
	/* a line of almost three blocks with NUL bytes, behind and before short ones */
	memset(big, 'x', sizeof(big));
	memset(big + 300000, 0, 1000);
	put(raw, "\n", 1);
	put(raw, big, sizeof(big));
	put(raw, "\n\n\nend\n", 7);
	s = pack(raw, -1);
	ck_assert_uint_eq(s.lines, 5);
	check_with_lz4();
	close(raw);
}
END_TEST

START_TEST(a_foreign_or_damaged_time_index_is_left_out)
{
	struct archive_index x;
	struct fault f;
	int raw = make_raw(3000), idx = make_idx(raw, 10000), out;
	struct tidx_entry wild = { .offset = 1ull << 60, .real_ns = 5 };
	uint64_t other = 1;

	ck_assert_int_eq(
		pwrite(idx, &wild, sizeof(wild), sizeof(struct tidx_head) + 3 * sizeof(wild)),
		sizeof(wild));
	pack(raw, idx);
	out = open("a.lz4", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(archive_index_load(out, &x, &f), 0);
	/* the last one says that nothing is known behind it */
	ck_assert_uint_eq(x.head.entries, 4);
	ck_assert_uint_eq(x.times[3].offset, 20001);
	ck_assert_uint_eq(x.times[3].real_ns, 0);
	ck_assert_uint_eq(x.blocks[0].first_real_ns, 1000);
	ck_assert_uint_eq(x.blocks[0].last_real_ns, 0);
	archive_index_free(&x);
	close(out);
	ck_assert_int_eq(pwrite(idx, &other, sizeof(other), 8), sizeof(other));
	pack(raw, idx);
	out = open("a.lz4", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(archive_index_load(out, &x, &f), 0);
	ck_assert_uint_eq(x.head.entries, 0);
	ck_assert_uint_eq(x.blocks[0].first_real_ns, 0);
	archive_index_free(&x);
	close(out);
	close(raw);
	close(idx);
}
END_TEST

/* What is known stays; of blocks behind the damage it is not known when they arrived, and not
 * believed that it was before. */
START_TEST(damage_in_the_middle_of_the_time_index)
{
	struct archive_index x;
	struct fault f;
	int raw = make_raw(30000), idx = make_idx(raw, 10000), out;
	/* times never fall */
	struct tidx_entry back = { .offset = 600000, .real_ns = 999, .life = 1 };
	uint32_t known = 0, half = 0, unknown = 0;

	ck_assert_int_eq(
		pwrite(idx, &back, sizeof(back), sizeof(struct tidx_head) + 60 * sizeof(back)),
		sizeof(back));
	pack(raw, idx);
	out = open("a.lz4", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(archive_index_load(out, &x, &f), 0);
	ck_assert_uint_eq(x.head.entries, 61);
	for (uint32_t i = 0; i < x.head.blocks; i++) {
		const struct archive_block *b = &x.blocks[i];
		uint64_t end = b->raw_offset + b->raw_bytes;

		ck_assert_uint_eq(b->first_real_ns,
			b->raw_offset <= 590000 ? 1000 + b->raw_offset / 10000 * 10000 : 0);
		ck_assert_uint_eq(
			b->last_real_ns, end - 1 <= 590000 ? 1000 + (end - 1) / 10000 * 10000 : 0);
		*(end - 1 <= 590000 ? &known : b->raw_offset <= 590000 ? &half : &unknown) += 1;
	}
	ck_assert(known > 0 && half == 1 && unknown > 0);
	archive_index_free(&x);
	close(out);
	close(raw);
	close(idx);
}
END_TEST

/* A group of any number of blocks: each block's texts are found in it, and hardly any other block
 * is taken for one that has them. */
START_TEST(filters_of_every_width)
{
	static uint64_t words[FILTER_BITS];
	unsigned missed = 0, wrong = 0;

	for (unsigned blocks = 1; blocks <= FILTER_BLOCKS; blocks++) {
		unsigned pages = filter_pages(blocks);
		char text[32];

		memset(words, 0, sizeof(words));
		for (unsigned b = 0; b < blocks; b++)
			filter_add(words, b, text,
				(size_t)snprintf(
					text, sizeof(text), "Word%u%u%u", b * 77, b * 7 + 3, b));
		filter_narrow(words, pages);
		for (unsigned b = 0; b < blocks; b++) {
			uint32_t hashes[FILTER_HASHES];
			unsigned n = filter_hashes(text,
				(size_t)snprintf(
					text, sizeof(text), "woRD%u%u%u", b * 77, b * 7 + 3, b),
				hashes);
			uint64_t all = UINT64_MAX;

			for (unsigned i = 0; i < n; i++)
				all &= filter_word((unsigned char *)words +
						filter_page(pages, hashes[i]) * FILTER_PAGE_BYTES,
					pages, hashes[i]);
			missed += !(all >> b & 1);
			wrong += (unsigned)__builtin_popcountll(all & ~(1ull << b));
		}
	}
	ck_assert_uint_eq(missed, 0);
	ck_assert_uint_lt(wrong, 30);
	ck_assert_uint_eq(filter_pages_of_all(64), 64);
	ck_assert_uint_eq(filter_pages_of_all(65), 65);
	ck_assert_uint_eq(filter_pages_of_all(67), 68);
	ck_assert_uint_eq(filter_pages_of_all(0), 0);
}
END_TEST

START_TEST(it_stops_when_told)
{
	_Atomic bool stop = true;
	struct archive_sums s;
	struct fault f;
	int raw = make_raw(3000), out = file("a.lz4");

	ck_assert_int_eq(archive_write(raw, -1, out, &stop, &s, &f), -ECANCELED);
	close(raw);
	close(out);
}
END_TEST

/* Any changed byte of the index is an error, but for the filters, which are read by pieces; and so
 * is any length that the file can be cut to. */
START_TEST(damage_is_found)
{
	struct archive_index x;
	struct archive_sums s;
	struct fault f;
	int raw = make_raw(8000), idx = make_idx(raw, 50000), out;
	uint64_t from, end, filters, filters_end, wrong = 0;
	char byte, flipped;

	pack(raw, idx);
	out = open("a.lz4", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(archive_index_load(out, &x, &f), 0);
	from = x.frame_offset;
	end = x.file_bytes;
	filters = x.filter_offset;
	filters_end = filters + filter_pages_of_all(x.head.blocks) * FILTER_PAGE_BYTES;
	archive_index_free(&x);
	for (uint64_t at = from; at<end; at += at + 200> end || at < from + 400 ? 1 : 37) {
		at = at >= filters && at < filters_end ? filters_end : at; /* below */
		ck_assert(pread(out, &byte, 1, (off_t)at) == 1);
		flipped = (char)(byte ^ 0x41);
		(void)!pwrite(out, &flipped, 1, (off_t)at);
		(void)archive_read_sums(out, &s, &f);
		if (archive_index_load(out, &x, &f) == 0) {
			wrong++;
			archive_index_free(&x);
		}
		(void)!pwrite(out, &byte, 1, (off_t)at);
	}
	ck_assert_uint_eq(wrong, 0);
	for (uint64_t size = end; size-- > 0; size -= size > 50 && size < from ? 50 : 0) {
		(void)!ftruncate(out, (off_t)size);
		if (archive_index_load(out, &x, &f) == 0) {
			wrong++;
			archive_index_free(&x);
		}
	}
	ck_assert_uint_eq(wrong, 0);
	close(out);
	close(raw);
	close(idx);
}
END_TEST

/* A damaged page of the filters is told by whoever needs it, and rules no block out. */
START_TEST(a_damaged_filter_rules_nothing_out)
{
	static const char text[] = "request 00000100";
	struct archive_index x;
	struct fault f = { "" };
	int raw = make_raw(30000), idx = make_idx(raw, 50000), out;
	uint64_t good, ret = 0;
	unsigned told = 0;

	pack(raw, idx);
	out = open("a.lz4", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(archive_index_load(out, &x, &f), 0);
	good = candidates(out, &x, text);
	for (unsigned page = 0; page < filter_pages(x.head.blocks); page++) {
		off_t at = (off_t)(x.filter_offset + page * FILTER_PAGE_BYTES + 77);
		char byte, other;

		ck_assert(pread(out, &byte, 1, at) == 1);
		other = (char)(byte ^ 1);
		ck_assert(pwrite(out, &other, 1, at) == 1);
		if (archive_index_candidates(out, &x, 0, text, strlen(text), &ret, &f) == 0) {
			ck_assert_uint_eq(ret, good);
		} else {
			ck_assert_uint_eq(ret, UINT64_MAX);
			ck_assert_ptr_nonnull(strstr(f.text, "damaged at offset "));
			told++;
		}
		ck_assert(pwrite(out, &byte, 1, at) == 1);
	}
	ck_assert_uint_ge(told, 3);
	ck_assert_uint_le(told, strlen(text) - 2);
	archive_index_free(&x);
	close(out);
	close(raw);
	close(idx);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, odd_files);
	tcase_add_test(t, a_foreign_or_damaged_time_index_is_left_out);
	tcase_add_test(t, damage_in_the_middle_of_the_time_index);
	tcase_add_test(t, filters_of_every_width);
	tcase_add_test(t, it_stops_when_told);
	tcase_add_test(t, damage_is_found);
	tcase_add_test(t, a_damaged_filter_rules_nothing_out);
	return run_cases("logread/archive", t, NULL);
}
