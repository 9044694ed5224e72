/*
 * tests/unit/test_logread_stream.c - logread/stream.c, segments.c, timeindex.c, chunk.c, unpack.c:
 * archives, rotated and current files as one row of lines, the same in both directions.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "logread/archive.h"
#include "logread/merge.h"
#include "logread/stream.h"
#include "tests/unit/run.h"

static char folder[] = "/tmp/tend-stream-XXXXXX";
static int dir, complaints;
static const struct log_query all = { .min_level = LOG_LEVEL_DEBUG };

static void complain(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	complaints++;
}
static const struct log_complain c = { .fn = complain };

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void leave(void)
{
	DIR *d = opendir(".");
	struct dirent *e;

	while ((e = readdir(d)))
		(void)unlink(e->d_name);
	closedir(d);
	close(dir);
	(void)rmdir(folder);
}

/* Lines from..to of a log, and its index: line i arrived at (i + 1) seconds, in run 1 up to line
 * 999 and run 2 then. */
static int make(const char *name, unsigned from, unsigned to, int *ret_idx)
{
	struct tidx_head head = { .magic = TIDX_MAGIC };
	char idx[64];
	struct stat st;
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), x;
	uint64_t at = 0;

	snprintf(idx, sizeof(idx), "%s.idx", name);
	x = open(idx, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(fstat(fd, &st), 0);
	head.inode = st.st_ino;
	(void)!write(x, &head, sizeof(head));
	for (unsigned i = from; i < to; i++) {
		struct tidx_entry e = {
			.offset = at, .real_ns = (i + 1) * 1000000000ull, .life = i < 1000 ? 1 : 2
		};

		(void)!write(x, &e, sizeof(e));
		at += (uint64_t)dprintf(fd, "INFO %06u %0*d\n", i, (int)(i % 700), 7);
	}
	*ret_idx = x;
	return fd;
}

static void archive(const char *name, int fd, int idx)
{
	struct archive_sums sums;
	struct fault f = { "" };
	char to[64], from[64];
	int out;

	snprintf(to, sizeof(to), "%s.lz4", name);
	snprintf(from, sizeof(from), "%s.idx", name);
	out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_msg(archive_write(fd, idx, out, NULL, &sums, &f) == 0, "%s", f.text);
	(void)unlink(name);
	(void)unlink(from);
	close(out);
}

/* 4000 lines: 0..1999 archived, 2000..2999 rotated, the rest in the current file. */
static void make_history(void)
{
	int x, fd = make("a.log.000000001", 0, 2000, &x);

	archive("a.log.000000001", fd, x);
	close(fd);
	close(x);
	close(make("a.log.000000002", 2000, 3000, &x));
	close(x);
	close(make("a.log", 3000, 4000, &x));
	close(x);
}

/* Counts the lines that q lets through; they must be first, first + 1, ... in the direction. */
static unsigned count(const struct log_query *q, enum stream_way way, unsigned first)
{
	struct stream *s;
	struct log_entry e;
	struct fault f = { "" };
	unsigned n = 0, wrong = 0;
	int r;

	ck_assert_msg(stream_open(dir, "a", 0, way, q, &c, &s, &f) == 0, "%s", f.text);
	for (; (r = stream_read(s, &e, &f)) == 1; n++)
		wrong += (unsigned)atoi(e.text + 5) !=
			(way == STREAM_FORWARD ? first + n : first - n);
	ck_assert_msg(r == 0, "%s", f.text);
	ck_assert_uint_eq(wrong, 0);
	stream_close(s);
	return n;
}

START_TEST(both_directions)
{
	make_history();
	ck_assert_uint_eq(count(&all, STREAM_FORWARD, 0), 4000);
	ck_assert_uint_eq(count(&all, STREAM_BACKWARD, 3999), 4000);
	ck_assert_int_eq(complaints, 0);
}
END_TEST

START_TEST(seeks_by_time_and_run)
{
	struct log_query q = all;

	make_history();
	q.since_ns = 1500ull * 1000000000;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 1499), 2501);
	ck_assert_uint_eq(count(&q, STREAM_BACKWARD, 3999), 2501);
	q.until_ns = 2100ull * 1000000000;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 1499), 601);
	ck_assert_uint_eq(count(&q, STREAM_BACKWARD, 2099), 601);
	q = all;
	q.life = 1;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 0), 1000);
	ck_assert_uint_eq(count(&q, STREAM_BACKWARD, 999), 1000);
	q.life = 3;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 0), 0);
}
END_TEST

/* n files of 100 lines each, archived; from number again on they begin with line 0 once more, as
 * after a clock that was set back. */
static void make_archives(unsigned n, unsigned again)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned from = (i < again ? i : i - again) * 100;
		char name[64];
		int x, fd;

		snprintf(name, sizeof(name), "a.log.%09u", i + 1);
		fd = make(name, from, from + 100, &x);
		archive(name, fd, x);
		close(fd);
		close(x);
	}
}

START_TEST(a_long_history_is_not_gone_through)
{
	struct log_query since = all;
	struct stream *s;
	struct log_entry e;
	struct fault f = { "" };
	unsigned open_files = 0;

	make_archives(30, 30);
	since.since_ns = 2850ull * 1000000000ull;
	ck_assert_uint_eq(count(&since, STREAM_FORWARD, 2849), 151);
	ck_assert_uint_eq(count(&since, STREAM_BACKWARD, 2999), 151);
	ck_assert_int_eq(stream_open(dir, "a", 0, STREAM_FORWARD, &since, &c, &s, &f), 0);
	ck_assert_int_eq(stream_read(s, &e, &f), 1);
	for (size_t i = 0; i < stream_segments(s)->n; i++)
		open_files += stream_segments(s)->list[i].fd >= 0;
	ck_assert_uint_le(open_files, 8);
	/* what has not been read tells its end by its own sums */
	struct segment old = stream_segments(s)->list[5];

	ck_assert(old.archive && !old.indexed && old.fd < 0);
	ck_assert_uint_eq(segment_last_ns(&old), 600ull * 1000000000ull);
	io_close(&old.fd);
	stream_close(s);
}
END_TEST

START_TEST(a_clock_that_was_set_back)
{
	struct log_query since = all;

	make_archives(13, 10); /* up to second 1000, then once more up to second 300 */
	since.since_ns = 951ull * 1000000000ull;
	ck_assert_uint_eq(count(&since, STREAM_FORWARD, 950), 50);
	ck_assert_uint_eq(count(&since, STREAM_BACKWARD, 999), 50);
}
END_TEST

/* Reading from the end, retention may come first: what it took is not there, and nothing is
 * wrong. */
START_TEST(the_oldest_archive_is_removed_meanwhile)
{
	struct stream *s;
	struct log_entry e;
	struct fault f = { "" };
	unsigned n = 0;

	make_archives(3, 3);
	ck_assert_int_eq(stream_open(dir, "a", 0, STREAM_BACKWARD, &all, &c, &s, &f), 0);
	ck_assert_int_eq(stream_read(s, &e, &f), 1);
	ck_assert_int_eq(unlink("a.log.000000001.lz4"), 0);
	do
		n++;
	while (stream_read(s, &e, &f) == 1);
	ck_assert_uint_eq(n, 200);
	ck_assert_int_eq(complaints, 0);
	stream_close(s);
}
END_TEST

/* Rotates and archives without a pause: file N holds N in its first bytes, the current one the
 * number that it will have. */
#define ARCHIVES_BEFORE 2000u
#define ROTATIONS_MAX	20000u
static _Atomic bool rotated_enough;

static void write_number(const char *name, unsigned number)
{
	FILE *file = fopen(name, "we");

	if (!file)
		return;
	fprintf(file, "%u\n", number);
	fclose(file);
}

static void *rotate_on(void *arg)
{
	char to[64], archive[80];

	for (unsigned n = ARCHIVES_BEFORE + 1; n < ROTATIONS_MAX && !rotated_enough; n++) {
		snprintf(to, sizeof(to), "a.log.%09u", n);
		(void)rename("a.log", to);
		write_number("a.log", n + 1);
		usleep(20);
		/* the archiver is far behind, and each of its steps takes a name away in the midst
		 * of the others */
		if (n <= ARCHIVES_BEFORE + 30)
			continue;
		snprintf(to, sizeof(to), "a.log.%09u", n - 30);
		snprintf(archive, sizeof(archive), "%s.lz4", to);
		write_number(archive, n - 30);
		(void)unlink(to);
	}
	return arg;
}

/* What is open must be a piece of the log without a gap, however fast its files come and change
 * their names. */
START_TEST(rotation_faster_than_the_folder_is_listed)
{
	struct segments segs;
	struct fault f = { "" };
	pthread_t thread;
	unsigned wrong = 0, with_current = 0;
	char name[64];

	(void)io_raise_nofile();
	for (unsigned n = 1; n <= ARCHIVES_BEFORE; n++) {
		snprintf(name, sizeof(name), "a.log.%09u.lz4", n);
		write_number(name, n);
	}
	write_number("a.log", ARCHIVES_BEFORE + 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, rotate_on, NULL), 0);
	for (unsigned opens = 0; opens < 20; opens++) {
		uint32_t last = 0;

		ck_assert_msg(segments_open(dir, "a", 0, opens % 2 ? SEGMENTS_OPEN : SEGMENTS_LAZY,
				      &c, &segs, &f) == 0,
			"%s", f.text);
		for (size_t i = 0; i < segs.n; i++) {
			char text[16] = "";

			if (segs.list[i].fd >= 0)
				(void)!pread(segs.list[i].fd, text, sizeof(text) - 1, 0);
			last++;
			wrong += segs.list[i].number != UINT32_MAX && segs.list[i].number != last;
			wrong += text[0] && (uint32_t)atoi(text) != last;
		}
		with_current += segs.n && segs.list[segs.n - 1].number == UINT32_MAX;
		segments_close(&segs);
	}
	rotated_enough = true;
	pthread_join(thread, NULL);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_gt(with_current, 0);
	ck_assert_int_eq(complaints, 0);
}
END_TEST

START_TEST(filters)
{
	struct log_query q = all;

	make_history();
	q.text = "INFO 00123";
	q.text_len = 10;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 1230), 10);
	ck_assert_uint_eq(count(&q, STREAM_BACKWARD, 1239), 10);
	q.min_level = LOG_LEVEL_WARNING;
	ck_assert_uint_eq(count(&q, STREAM_FORWARD, 0), 0);
}
END_TEST

/* Every byte of an index may be anything: the lines are all there, with other times or none. */
START_TEST(a_damaged_time_index_costs_no_line)
{
	unsigned wrong = 0;
	int x, fd = make("a.log", 0, 20, &x);

	for (off_t at = 0; at < 32 + 24 * 20; at += 3) {
		char old, bad = (char)0xa5;

		(void)!pread(x, &old, 1, at);
		(void)!pwrite(x, &bad, 1, at);
		wrong += count(&all, STREAM_FORWARD, 0) != 20;
		(void)!pwrite(x, &old, 1, at);
	}
	for (off_t size = 32 + 24 * 20; size >= 0; size -= 7) {
		(void)!ftruncate(x, size);
		wrong += count(&all, STREAM_BACKWARD, 19) != 20;
	}
	ck_assert_uint_eq(wrong, 0);
	close(fd);
	close(x);
}
END_TEST

/* Damaged in its middle, raw or when it is archived: what lies in front keeps its times; what lies
 * behind is never taken for older than it is, and the damage is reported. */
START_TEST(a_time_index_damaged_in_its_middle)
{
	static const char *const names[] = { "a.log", "a.log.000000001" };
	struct tidx_entry bad = { .offset = 0, .real_ns = 1, .life = 7 };
	struct log_query q = { .min_level = LOG_LEVEL_DEBUG };
	int x, fd;

	for (int archived = 0; archived < 2; archived++) {
		fd = make(names[archived], 0, 2000, &x);
		(void)!pwrite(x, &bad, sizeof(bad),
			(off_t)(sizeof(struct tidx_head) + 1500 * sizeof(bad)));
		if (archived)
			archive(names[archived], fd, x);
		close(fd);
		close(x);
		complaints = 0;
		q.until_ns = 0;
		q.since_ns = 1401 * 1000000000ull;
		ck_assert_uint_eq(count(&q, STREAM_FORWARD, 1400), 600);
		q.since_ns = 1900 * 1000000000ull; /* all of what is not known may be that late */
		ck_assert_uint_eq(count(&q, STREAM_FORWARD, 1500), 500);
		ck_assert_uint_eq(count(&q, STREAM_BACKWARD, 1999), 500);
		q.since_ns = 0;
		q.until_ns = 1000 * 1000000000ull;
		ck_assert_uint_eq(count(&q, STREAM_FORWARD, 0), 1000);
		ck_assert_int_eq(complaints, 4);
		(void)unlink(names[archived]);
	}
}
END_TEST

/* A damaged frame costs its own lines, once complained of. */
START_TEST(a_damaged_block_costs_itself)
{
	struct stream *s;
	struct log_entry e;
	struct fault f;
	int fd;
	unsigned n = 0;

	make_history();
	fd = open("a.log.000000001.lz4", O_RDWR | O_CLOEXEC);
	(void)!pwrite(fd, "xxxxxxxx", 8, 40);
	close(fd);
	ck_assert_int_eq(stream_open(dir, "a", 0, STREAM_FORWARD, &all, &c, &s, &f), 0);
	while (stream_read(s, &e, &f) == 1)
		n++;
	stream_close(s);
	ck_assert_uint_gt(n, 2000);
	ck_assert_uint_lt(n, 4000);
	ck_assert_int_eq(complaints, 1);
}
END_TEST

START_TEST(merges_by_arrival)
{
	const struct log_place places[] = { { .dirfd = dir, .stem = "a" },
		{ .dirfd = dir, .stem = "b" } };
	struct merge *m;
	struct log_entry e;
	struct fault f;
	unsigned wrong = 0;
	int x, fd = make("a.log", 0, 300, &x);

	close(fd);
	close(x);
	fd = make("b.log", 100, 200, &x);
	close(fd);
	close(x);
	for (int way = 0; way < 2; way++) {
		uint64_t last = way ? UINT64_MAX : 0;
		unsigned n = 0;

		ck_assert_int_eq(merge_open(places, 2, way ? STREAM_BACKWARD : STREAM_FORWARD, &all,
					 &c, &m, &f),
			0);
		for (; merge_read(m, &e, &f) == 1; n++) {
			wrong += way ? e.arrival_ns > last : e.arrival_ns < last;
			last = e.arrival_ns;
		}
		ck_assert_uint_eq(n, 400);
		merge_close(m);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

#define MANY  40
#define LINES 50

/* Seconds of each line of each log: many tie, clocks step back, and a line without a time has that
 * of the one above. */
static unsigned seconds[MANY][LINES];

static void make_many(unsigned seed)
{
	srandom(seed);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%02u.log", i);
		FILE *f = fopen(name, "we");

		for (unsigned k = 0; k < LINES; k++) {
			bool own = k == 0 || random() % 4;

			seconds[i][k] = own ? (unsigned)(k / 3 + (unsigned)random() % 6)
					    : seconds[i][k - 1];
			if (own)
				fprintf(f, "2026-11-30 10:00:%02u INFO %u %u\n", seconds[i][k], i,
					k);
			else
				fprintf(f, "  more of it %u %u\n", i, k);
		}
		fclose(f);
	}
}

/* As merge.h promises it, by a search through all logs for each line. next: how many lines each has
 * given. */
static unsigned expected(int many, unsigned next[MANY], int last, bool backward)
{
	int best = -1;

	for (int i = 0; i < many; i++) {
		if (next[i] == LINES)
			continue;
		unsigned mine = seconds[i][backward ? LINES - 1 - next[i] : next[i]];
		unsigned other = best < 0
			? 0
			: seconds[best][backward ? LINES - 1 - next[best] : next[best]];

		if (best < 0 || (backward ? mine > other : mine < other) ||
			(mine == other && i == last))
			best = i;
	}
	return (unsigned)best;
}

START_TEST(merges_as_a_search_for_each_line_would)
{
	static char names[MANY][8];
	struct log_place places[MANY];
	int many = MANY - _i % 2; /* trees of an even and of an odd number are built differently */
	struct merge *m;
	struct log_entry e;
	struct fault f;

	make_many((unsigned)_i);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "m%02u", i);
		places[i] = (struct log_place){ .dirfd = dir, .stem = names[i] };
	}
	for (int backward = 0; backward < 2; backward++) {
		unsigned next[MANY] = { 0 };
		int last = -1;

		ck_assert_int_eq(
			merge_open(places, (size_t)many,
				backward ? STREAM_BACKWARD : STREAM_FORWARD, &all, &c, &m, &f),
			0);
		for (unsigned n = 0; n < (unsigned)many * LINES; n++) {
			unsigned log = expected(many, next, last, backward);
			char tail[32];

			ck_assert_int_eq(merge_read(m, &e, &f), 1);
			ck_assert_str_eq(e.stem, names[log]);
			int len = snprintf(tail, sizeof(tail), " %u %u", log,
				backward ? LINES - 1 - next[log] : next[log]);
			ck_assert(memcmp(e.text + e.len - len, tail, (size_t)len) == 0);
			next[log]++;
			last = (int)log;
		}
		ck_assert_int_eq(merge_read(m, &e, &f), 0);
		merge_close(m);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, both_directions);
	tcase_add_test(t, seeks_by_time_and_run);
	tcase_add_test(t, a_long_history_is_not_gone_through);
	tcase_add_test(t, a_clock_that_was_set_back);
	tcase_add_test(t, the_oldest_archive_is_removed_meanwhile);
	tcase_add_test(t, rotation_faster_than_the_folder_is_listed);
	tcase_add_test(t, filters);
	tcase_add_test(t, a_damaged_time_index_costs_no_line);
	tcase_add_test(t, a_time_index_damaged_in_its_middle);
	tcase_add_test(t, a_damaged_block_costs_itself);
	tcase_add_test(t, merges_by_arrival);
	tcase_add_loop_test(t, merges_as_a_search_for_each_line_would, 0, 20);
	return run_cases("logread/stream", t, NULL);
}
