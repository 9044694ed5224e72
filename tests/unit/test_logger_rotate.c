/* tests/unit/test_logger_rotate.c - tend-logger alone, on a hand-made segment: rotation, archives,
 * retention, time index, the journaled copy. */
/* links: tests/unit/instance.c tests/unit/talker.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "logread/archive.h"
#include "logread/format.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "shm/wake.h"
#include "tests/unit/run.h"
#include "tests/unit/talker.h"

#define LOG_MAX	     (1u << 30)
#define ROTATE_BYTES (192u << 10)

struct text {
	char *bytes;
	size_t n, room;
};

static void append(struct text *t, const char *bytes, size_t n)
{
	if (!t->bytes || t->n + n + 1 > t->room) {
		t->room = (t->n + n + 1) * 2;
		t->bytes = realloc(t->bytes, t->room);
		if (!t->bytes)
			abort();
	}
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
	t->bytes[t->n] = 0;
}

static uint32_t add(
	const char *name, uint64_t rotate_bytes, uint32_t keep_files, uint64_t keep_bytes)
{
	uint32_t slot = talker_add(name);
	struct pt_row row;

	ck_assert_int_eq(pt_read(in.spawner, slot, &row), 0);
	row.ident.log_rotate_bytes = rotate_bytes;
	row.ident.log_keep_files = keep_files;
	row.ident.log_keep_bytes = keep_bytes;
	ck_assert_int_eq(pt_put_ident(in.spawner, slot, &row.ident), 0);
	return slot;
}

static bool balanced(uint32_t slot)
{
	struct pt_log l = talker_block(slot);

	return l.base_bytes + l.captured_bytes ==
		l.file_bytes + l.err_file_bytes + l.rotated_bytes + l.archived_bytes +
		l.deleted_bytes + l.gone_bytes;
}

static void unpack(struct text *to, const char *bytes, size_t n)
{
	static char out[1 << 18];
	LZ4F_dctx *d;

	ck_assert(!LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)));
	for (size_t at = 0; at < n;) {
		size_t used = n - at, made = sizeof(out);
		size_t r = LZ4F_decompress(d, out, &made, bytes + at, &used, NULL);

		ck_assert_msg(!LZ4F_isError(r), "%s", LZ4F_getErrorName(r));
		append(to, out, made);
		at += used;
	}
	(void)LZ4F_freeDecompressionContext(d);
}

static bool append_file(struct text *t, const char *name, bool packed)
{
	size_t len;
	char *bytes;

	if (io_read_file(in.home.logs_fd, name, LOG_MAX, &bytes, &len))
		return false;
	if (packed)
		unpack(t, bytes, len);
	else
		append(t, bytes, len);
	free(bytes);
	return true;
}

static bool exists(const char *name)
{
	return faccessat(in.home.logs_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Everything of a log, oldest first, as a reader would see it; each file ends with a line end.
 * *files: numbered ones. */
static struct text whole(const char *name, unsigned *files)
{
	struct text t = { 0 };
	char file[128];
	unsigned number = 1, missing = 0;

	for (*files = 0; missing < 1000; number++) {
		(void)snprintf(file, sizeof(file), "%s.log.%09u.lz4", name, number);
		bool found = append_file(&t, file, true);
		file[strlen(file) - 4] = 0;
		if (!found)
			found = append_file(&t, file, false);
		missing = found ? 0 : missing + 1;
		*files += found;
		if (found && (t.n == 0 || t.bytes[t.n - 1] != '\n'))
			ck_abort_msg("%s does not end with a line end", file);
	}
	(void)snprintf(file, sizeof(file), "%s.log", name);
	(void)append_file(&t, file, false);
	append(&t, "", 0);
	return t;
}

/* Everything that was rotated is compressed: at idle priority, so that a busy machine takes its
 * time. */
static void await_archives(uint32_t slot, unsigned more_than)
{
	for (unsigned tries = 0; talker_block(slot).rotated_bytes != 0 && tries < 30000; tries++)
		instance_pause_ms(2);
	INSTANCE_AWAIT(
		talker_block(slot).rotated_bytes == 0 && talker_block(slot).archives > more_than);
}

/* At random instants, until it was so often and the writer has written so much. */
static void kill_often(unsigned kills, unsigned megabytes, const char *disable)
{
	struct tally *t;
	/* some 250 files, else a logger does little but count them */
	uint32_t slot = add("talker", ROTATE_BYTES + megabytes * 4096ull, 0, 0);
	pid_t logger, writer = talker_start("talker.out", &t);
	unsigned files, done = 0;
	int status;

	ck_assert_int_eq(setenv("TEND_DISABLE", disable, 1), 0);
	srandom((unsigned)clock_boot_ns());
	for (; done < kills || t->bytes < (uint64_t)megabytes * 1000000; done++) {
		logger = instance_daemon(&in, ROLE_LOGGER, true);
		instance_pause_us((unsigned)random() % 20000);
		status = instance_end(logger, SIGKILL);
		ck_assert(WIFSIGNALED(status));
	}
	logger = instance_daemon(&in, ROLE_LOGGER, true);
	t->stop = true;
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(status, 0);
	await_archives(slot, 2);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
	struct text all = whole("talker", &files);
	const char *wrong = talker_wrong(all.bytes, t->lines);
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert_uint_gt(files, 2);
	ck_assert(balanced(slot));
	ck_assert_uint_eq(talker_block(slot).captured_bytes, all.n);
	ck_assert_uint_eq(talker_block(slot).gone_bytes, 0);
	ck_assert(!exists("../run/talker.journal"));
	printf("logger killed %u times while %llu bytes were written: %llu lines, in %u rotated files\n",
		done, (unsigned long long)all.n, (unsigned long long)t->lines, files);
	free(all.bytes);
}

/* By hand, at full size: CK_RUN_CASE=kills KILLS=500 KILLS_MB=1000 TEND_BIN=build/bin
 * build/plain/tests/unit/test_logger_rotate */
static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)atoi(text) : otherwise;
}

START_TEST(killed_often_while_it_rotates)
{
	kill_often(from_environment("KILLS", 300), from_environment("KILLS_MB", 0), "");
}
END_TEST

START_TEST(killed_often_without_splice)
{
	kill_often(150, 0, "splice");
}
END_TEST

START_TEST(a_long_line_stays_whole)
{
	uint32_t slot = add("long", 300000, 0, 0); /* and not twice that */
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("long.out");
	static char block_of_x[50000];
	struct stat sb;

	memset(block_of_x, 'x', sizeof(block_of_x) - 1);
	talker_put(fd, "short\n");
	for (int i = 0; i < 10; i++)
		talker_put(fd, block_of_x);
	talker_put(fd, "\nnext\n");
	INSTANCE_AWAIT(talker_block(slot).rotations == 1 && talker_block(slot).file_bytes == 5 &&
		talker_block(slot).archives == 1);
	ck_assert_uint_eq(talker_block(slot).archived_bytes, 6 + 10 * (sizeof(block_of_x) - 1) + 1);
	ck_assert_uint_eq(talker_block(slot).archived_lines, 2);
	ck_assert_int_eq(fstatat(in.home.logs_fd, "long.log", &sb, 0), 0);
	ck_assert_int_eq(sb.st_size, 5);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(a_line_that_does_not_end_is_cut)
{
	uint32_t slot = add("bar", 100000, 0, 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("bar.out");
	static char progress[50000];

	memset(progress, '\r', sizeof(progress) - 1);
	for (int i = 0; i < 10; i++)
		talker_put(fd, progress);
	INSTANCE_AWAIT(talker_block(slot).rotations == 2 &&
		talker_block(slot).file_bytes == 99990 && talker_block(slot).archives == 2);
	ck_assert_uint_eq(talker_block(slot).archived_bytes, 400000);
	talker_put(fd, "done\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 99995); /* over no limit yet */
	talker_put(fd, "next line\n");
	talker_put(fd, "next file\n");
	INSTANCE_AWAIT(talker_block(slot).rotations == 3 && talker_block(slot).file_bytes == 10);
	INSTANCE_AWAIT(talker_block(slot).archived_bytes == 500005);
	ck_assert(balanced(slot));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

static void make_file(const char *name, const char *text)
{
	ck_assert_int_eq(io_replace(in.home.logs_fd, name, text, strlen(text), IO_NO_SYNC), 0);
}

static void make_archive(const char *raw, const char *name)
{
	struct archive_sums sums;
	int from = io_open(in.home.logs_fd, raw, O_RDONLY, 0),
	    to = io_open(in.home.logs_fd, name, O_RDWR | O_CREAT, 0600);

	ck_assert_int_eq(archive_write(from, -1, to, NULL, &sums, NULL), 0);
	io_close(&from);
	io_close(&to);
}

/* What a death leaves half-done is finished, or undone, from the names alone. */
START_TEST(half_done_work_is_finished)
{
	unsigned files;

	make_file("h.log.000000003", "three\n");
	make_file("h.log.000000003.lz4.tmp", "half an arch");
	make_file("h.log.000000004", "four\n");
	make_archive("h.log.000000004", "h.log.000000004.lz4");
	make_file("h.log.000000005", "five\n");
	make_file("h.log.000000005.lz4", "no archive at all");
	make_file("h.log.000000006.del", "deleted\n");
	make_file("h.log.000000007.idx", "of nothing");
	make_file("h.log", "now\n");
	uint32_t slot = add("h", 0, 0, 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);

	INSTANCE_AWAIT(talker_block(slot).archives == 3);
	INSTANCE_AWAIT(!exists("h.log.000000003") && !exists("h.log.000000004") &&
		!exists("h.log.000000005"));
	INSTANCE_AWAIT(!exists("h.log.000000003.lz4.tmp") && !exists("h.log.000000006.del") &&
		!exists("h.log.000000007.idx"));
	ck_assert(balanced(slot));
	struct text all = whole("h", &files);
	ck_assert_str_eq(all.bytes, "three\nfour\nfive\nnow\n");
	free(all.bytes);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

static void ask_rotate(const char *name, int want)
{
	struct pt_request req = { .kind = PT_COMMAND_ROTATE };
	struct pt_answer answer;
	struct pt_ticket ticket;
	struct pt *client;

	(void)snprintf(req.name, sizeof(req.name), "%s", name);
	ck_assert_int_eq(pt_attach_as(&in.home, PT_CLIENT, &client, NULL), 0);
	ck_assert_int_eq(pt_post(client, &req, 1, 1000, &ticket), 1);
	(void)bell_ring(&in.home, ROLE_LOGGER);
	ck_assert_int_eq(pt_await(client, ticket, 10 * NS_PER_SEC, &answer), 0);
	ck_assert_int_eq(answer.code, want);
	pt_detach(client);
}

START_TEST(rotates_on_request)
{
	uint32_t slot = add("r", 0, 3, 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("r.out");

	ask_rotate("nobody", -ENOENT);
	ask_rotate("r", 0); /* nothing to rotate */
	ck_assert_uint_eq(talker_block(slot).rotations, 0);
	for (unsigned i = 1; i <= 5; i++) {
		talker_put(fd, "a line\n");
		INSTANCE_AWAIT(talker_block(slot).file_bytes == 7);
		ask_rotate(i % 2 ? "" : "r", 0);
		ck_assert_uint_eq(talker_block(slot).rotations, i);
	}
	talker_put(fd, "half"); /* a line that is being written ends first */
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 4);
	ask_rotate("r", 0);
	ck_assert_uint_eq(talker_block(slot).rotations, 5);
	talker_put(fd, " and half\n");
	INSTANCE_AWAIT(talker_block(slot).rotations == 6);
	/* retention by count: three of six */
	INSTANCE_AWAIT(talker_block(slot).archives == 3 && talker_block(slot).deleted_bytes == 21);
	ck_assert_uint_eq(talker_block(slot).deleted_lines, 3);
	INSTANCE_AWAIT(!exists("r.log.000000003.del"));
	ck_assert(!exists("r.log.000000003") && !exists("r.log.000000003.lz4") &&
		exists("r.log.000000004.lz4"));
	ck_assert(balanced(slot));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(retention_by_bytes)
{
	/* not so small that the writer is thousands of files ahead */
	uint32_t slot = add("b", 262144, 0, 100000);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	struct tally *t;
	pid_t writer = talker_start("b.out", &t);
	int status;

	INSTANCE_AWAIT(talker_block(slot).deleted_bytes > 1000000);
	t->stop = true;
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	INSTANCE_AWAIT(talker_block(slot).rotated_bytes == 0 &&
		talker_block(slot).archive_file_bytes <= 100000);
	INSTANCE_AWAIT(balanced(slot));
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

static size_t read_index(
	const char *name, struct tidx_head *head, struct tidx_entry *entries, size_t max)
{
	size_t len, n;
	char *bytes;

	ck_assert_int_eq(io_read_file(in.home.logs_fd, name, LOG_MAX, &bytes, &len), 0);
	ck_assert_uint_ge(len, sizeof(*head));
	memcpy(head, bytes, sizeof(*head));
	n = (len - sizeof(*head)) / sizeof(*entries);
	n = n < max ? n : max;
	memcpy(entries, bytes + sizeof(*head), n * sizeof(*entries));
	free(bytes);
	return n;
}

/* The offset at which the run's bytes begin; UINT64_MAX: the index does not tell. */
static uint64_t begin_of(const char *index, uint32_t life)
{
	struct tidx_entry e[64];
	struct tidx_head head;
	size_t n = read_index(index, &head, e, 64);

	for (size_t i = 0; i < n; i++)
		if (e[i].life == life)
			return e[i].offset;
	return UINT64_MAX;
}

static void begin_run(uint32_t slot, uint32_t number, uint32_t left)
{
	struct pt_life life;

	ck_assert_int_eq(pt_read_life(in.spawner, slot, &life), 0);
	life.life = number;
	life.pipe_left = left;
	life.start_boot_ns = clock_boot_ns();
	life.start_real_ns = clock_real_ns();
	instance_life(&in, slot, &life);
}

START_TEST(the_index_knows_where_a_run_begins)
{
	uint32_t slot = add("x", 0, 0, 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("x.out");

	begin_run(slot, 1, 0);
	talker_put(fd, "first run\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 10);
	ck_assert_uint_eq(begin_of("x.log.idx", 1), 0);
	begin_run(slot, 2, 0);
	talker_put(fd, "second\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 17);
	ck_assert_uint_eq(begin_of("x.log.idx", 2), 10);

	/* what the second leaves in the pipe is not the third's */
	ck_assert_int_eq(instance_end(logger, SIGKILL), SIGKILL);
	talker_put(fd, "left over\n");
	begin_run(slot, 3, 10);
	talker_put(fd, "third\n");
	logger = instance_daemon(&in, ROLE_LOGGER, true);
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 33);
	ck_assert_uint_eq(begin_of("x.log.idx", 3), 27);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);

	make_file("x.log.idx", "this is not an index, but something else altogether");
	logger = instance_daemon(&in, ROLE_LOGGER, true);
	talker_put(fd, "more\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 38);
	struct tidx_head head;
	struct tidx_entry e[4];
	ck_assert_uint_eq(read_index("x.log.idx", &head, e, 4), 1);
	ck_assert_uint_eq(head.magic, TIDX_MAGIC);
	ck_assert_uint_eq(head.start_bytes, 33);
	ck_assert_uint_eq(e[0].offset, 33);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(an_index_that_cannot_be_written_stops_nothing)
{
	uint32_t slot = add("n", 0, 0, 0);

	ck_assert_int_eq(mkdirat(in.home.logs_fd, "n.log.idx", 0700), 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("n.out");
	talker_put(fd, "one\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 4);
	ck_assert_int_eq(talker_block(slot).state, PT_LOG_OPEN);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

/* Somebody empties, removes, or adds to the file: the sums say so. */
START_TEST(what_others_take_is_counted)
{
	uint32_t slot = add("g", 0, 0, 0);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("g.out");

	talker_put(fd, "0123456789\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 11);
	int file = io_open(in.home.logs_fd, "g.log", O_WRONLY | O_TRUNC, 0);
	ck_assert_int_ge(file, 0);
	io_close(&file);
	talker_put(fd, "ab\n");
	INSTANCE_AWAIT(talker_block(slot).file_bytes == 3 && talker_block(slot).gone_bytes == 11);
	ck_assert_int_eq(unlinkat(in.home.logs_fd, "g.log", 0), 0);
	talker_put(fd, "cd\n");
	INSTANCE_AWAIT(
		talker_block(slot).captured_bytes == 17 && talker_block(slot).gone_bytes == 14);
	ck_assert_int_eq(instance_end(logger, SIGKILL), SIGKILL);
	ck_assert_int_eq(unlinkat(in.home.logs_fd, "g.log", 0), 0);
	logger = instance_daemon(&in, ROLE_LOGGER, true);
	INSTANCE_AWAIT(talker_block(slot).gone_bytes == 17);
	ck_assert(balanced(slot));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("daemon"), *kills = tcase_create("kills");

	tcase_set_timeout(kills, getenv("KILLS") ? 3600 : 180);
	tcase_add_checked_fixture(kills, talker_setup, talker_teardown);
	tcase_add_test(kills, killed_often_while_it_rotates);
	tcase_add_test(kills, killed_often_without_splice);
	tcase_set_timeout(t, 180);
	tcase_add_checked_fixture(t, talker_setup, talker_teardown);
	tcase_add_test(t, a_long_line_stays_whole);
	tcase_add_test(t, a_line_that_does_not_end_is_cut);
	tcase_add_test(t, half_done_work_is_finished);
	tcase_add_test(t, rotates_on_request);
	tcase_add_test(t, retention_by_bytes);
	tcase_add_test(t, the_index_knows_where_a_run_begins);
	tcase_add_test(t, an_index_that_cannot_be_written_stops_nothing);
	tcase_add_test(t, what_others_take_is_counted);
	return run_cases("logger_rotate", kills, t, NULL);
}
