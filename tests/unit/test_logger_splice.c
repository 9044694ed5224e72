/* tests/unit/test_logger_splice.c - tend-logger alone, on a hand-made segment: no byte is lost,
 * repeated or out of order. */
/* links: tests/unit/instance.c tests/unit/talker.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "shm/events.h"
#include "tests/unit/run.h"
#include "tests/unit/talker.h"

#define KILLS	50
#define LOG_MAX (1u << 30)

static char *log_text(const char *name, size_t *ret_len)
{
	char *text;

	if (io_read_file(in.home.logs_fd, name, LOG_MAX, &text, ret_len))
		return NULL;
	return text;
}

static bool log_is(const char *name, const char *want)
{
	size_t len;
	char *text = log_text(name, &len);
	bool same = text && len == strlen(want) && memcmp(text, want, len) == 0;

	free(text);
	return same;
}

static uint64_t log_size(const char *name)
{
	struct stat sb;

	return fstatat(in.home.logs_fd, name, &sb, 0) == 0 ? (uint64_t)sb.st_size : 0;
}

static void check_lines(const char *name, uint64_t lines)
{
	size_t len;
	char *text = log_text(name, &len);

	ck_assert_ptr_nonnull(text);
	const char *wrong = talker_wrong(text, lines);
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert_uint_eq(strlen(text), len);
	free(text);
}

START_TEST(killed_fifty_times)
{
	struct tally *t;
	uint32_t slot = talker_add("talker");
	pid_t writer = talker_start("talker.out", &t);
	int status;

	for (unsigned i = 0; i < KILLS; i++) {
		pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);

		instance_pause_ms(2 + i * 7 % 13);
		status = instance_end(logger, SIGKILL);
		ck_assert(WIFSIGNALED(status));
	}
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	t->stop = true;
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(status, 0);
	status = instance_end(logger, SIGTERM);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_gt(t->lines, 1000);
	check_lines("talker.log", t->lines);
	ck_assert_uint_eq(talker_block(slot).captured_bytes, log_size("talker.log"));
	ck_assert_uint_eq(talker_block(slot).file_bytes, log_size("talker.log"));
	ck_assert_int_eq(talker_block(slot).state, PT_LOG_CLOSED);
}
END_TEST

/* Nobody reads: the process waits, and goes on where the next logger begins. */
START_TEST(a_stopped_logger_only_delays)
{
	struct tally *t;
	int status;

	talker_add("talker");
	pid_t writer = talker_start("talker.out", &t);
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	INSTANCE_AWAIT(t->lines > 100);
	ck_assert_int_eq(kill(logger, SIGSTOP), 0);
	uint64_t before;
	do {
		before = t->lines;
		instance_pause_ms(50);
	} while (t->lines != before);
	ck_assert_int_eq(waitpid(writer, &status, WNOHANG), 0);
	ck_assert_int_eq(kill(logger, SIGCONT), 0);
	INSTANCE_AWAIT(t->lines > before + 100);
	t->stop = true;
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
	check_lines("talker.log", t->lines);
}
END_TEST

/* Time on a CPU in ns, time waiting for one, times scheduled: the same text twice means that it has
 * not run at all. */
static const char *ran(pid_t pid, char text[static 128])
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	ck_assert_int_gt(io_read_small(AT_FDCWD, path, text, 128), 0);
	return text;
}

/* A pipe whose writers are all gone reports a hang-up for ever to whoever has it open for reading
 * alone. */
START_TEST(quiet_streams_cost_nothing)
{
	char before[128], after[128];
	uint32_t slot = talker_add("quiet");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("quiet.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(log_is("quiet.log", "one\n"));
	instance_pause_ms(100);
	ran(logger, before);
	instance_pause_ms(300);
	ck_assert_str_eq(ran(logger, after), before);
	io_close(&fd);
	instance_pause_ms(100);
	ran(logger, before);
	instance_pause_ms(300);
	ck_assert_str_eq(ran(logger, after), before);

	fd = talker_open("quiet.out");
	talker_put(fd, "two\n");
	INSTANCE_AWAIT(log_is("quiet.log", "one\ntwo\n"));
	ck_assert_int_eq(talker_block(slot).state, PT_LOG_OPEN);
	ck_assert_uint_eq(talker_block(slot).captured_bytes, 8);
	ck_assert_uint_gt(talker_block(slot).pipe_bytes, 0);
	ck_assert_uint_gt(talker_block(slot).last_real_ns, 0);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

static unsigned log_events(struct pt_event *last)
{
	unsigned n = 0;

	for (uint64_t i = pt_event_tail(in.spawner, ROLE_LOGGER);
		i < pt_event_head(in.spawner, ROLE_LOGGER); i++) {
		ck_assert_int_eq(pt_event_read(in.spawner, ROLE_LOGGER, i, last), 0);
		ck_assert_int_eq(last->kind, PT_EVENT_LOG);
		n++;
	}
	return n;
}

/* A limit on file sizes stands for the full disk: both make the file refuse bytes, and both can go
 * away. */
START_TEST(a_file_that_refuses_bytes_loses_none)
{
	struct rlimit small = { 0, RLIM_INFINITY }, large = { RLIM_INFINITY, RLIM_INFINITY };
	struct pt_event ev;
	uint32_t slot = talker_add("full");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("full.out");

	ck_assert_int_eq(prlimit(logger, RLIMIT_FSIZE, &small, NULL), 0);
	talker_put(fd, "0123456789abcdef\n");
	INSTANCE_AWAIT(talker_block(slot).state == PT_LOG_BLOCKED);
	ck_assert_int_eq(talker_block(slot).error, EFBIG);
	ck_assert_uint_eq(talker_block(slot).pipe_fill, 17);
	ck_assert_uint_eq(talker_block(slot).captured_bytes, 0);
	ck_assert(log_is("full.log", ""));
	ck_assert_uint_eq(log_events(&ev), 1);
	ck_assert_int_eq(ev.to, PT_LOG_BLOCKED);
	ck_assert_uint_eq(ev.value, EFBIG);
	ck_assert_str_eq(ev.name, "full");

	ck_assert_int_eq(prlimit(logger, RLIMIT_FSIZE, &large, NULL), 0);
	INSTANCE_AWAIT(talker_block(slot).state == PT_LOG_OPEN);
	ck_assert(log_is("full.log", "0123456789abcdef\n"));
	ck_assert_int_eq(talker_block(slot).error, 0);
	ck_assert_uint_eq(log_events(&ev), 2);
	ck_assert_int_eq(ev.to, PT_LOG_OPEN);
	talker_put(fd, "more\n");
	INSTANCE_AWAIT(log_is("full.log", "0123456789abcdef\nmore\n"));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(a_file_that_can_grow_no_more_has_a_successor)
{
	struct rlimit small = { 8, RLIM_INFINITY };
	uint32_t slot = talker_add("cut");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("cut.out");

	talker_put(fd, "first\n");
	INSTANCE_AWAIT(log_is("cut.log", "first\n"));
	ck_assert_int_eq(prlimit(logger, RLIMIT_FSIZE, &small, NULL), 0);
	talker_put(fd, "0123456789abcdef\n");
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 23);
	ck_assert_int_eq(talker_block(slot).state, PT_LOG_OPEN);
	ck_assert(log_is("cut.log.000000001", "first\n01"));
	ck_assert(log_is("cut.log.000000002", "23456789"));
	ck_assert(log_is("cut.log", "abcdef\n"));
	ck_assert_uint_eq(talker_block(slot).rotations, 2);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(what_is_no_file_is_not_written_to)
{
	uint32_t slot = talker_add("linked");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("linked.out");

	ck_assert_int_eq(symlinkat("/dev/null", in.home.logs_fd, "linked.log"), 0);
	talker_put(fd, "kept\n");
	INSTANCE_AWAIT(talker_block(slot).state == PT_LOG_BLOCKED);
	ck_assert_int_eq(talker_block(slot).error, ELOOP);
	ck_assert_int_eq(unlinkat(in.home.logs_fd, "linked.log", 0), 0);
	INSTANCE_AWAIT(log_is("linked.log", "kept\n"));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(a_file_that_goes_away_is_made_again)
{
	uint32_t slot = talker_add("moved");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("moved.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(log_is("moved.log", "one\n"));
	ck_assert_int_eq(unlinkat(in.home.logs_fd, "moved.log", 0), 0);
	talker_put(fd, "two\n");
	INSTANCE_AWAIT(log_is("moved.log", "two\n"));

	ck_assert_int_eq(renameat(in.home.logs_fd, "moved.log", in.home.logs_fd, "moved.old"), 0);
	instance_pause_ms(1100); /* names are compared once a second */
	talker_put(fd, "three\n");
	INSTANCE_AWAIT(log_is("moved.log", "three\n"));
	ck_assert(log_is("moved.old", "two\n"));
	/* what is published is in the index, too: nothing is made any more */
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 14);

	ck_assert_int_eq(unlinkat(in.home.logs_fd, "moved.log", 0) |
			unlinkat(in.home.logs_fd, "moved.old", 0),
		0);
	ck_assert_int_eq(unlinkat(in.home.logs_fd, "moved.log.idx", 0), 0);
	ck_assert_int_eq(unlinkat(in.home.fd, "logs", AT_REMOVEDIR), 0);
	talker_put(fd, "four\n");
	INSTANCE_AWAIT(faccessat(in.home.fd, "logs/moved.log", F_OK, 0) == 0);
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 19);
	ck_assert_int_eq(talker_block(slot).state, PT_LOG_OPEN);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

/* Truncating the file is a way to empty a log; what follows begins at its start, not behind a
 * hole. */
START_TEST(a_truncated_file_gets_no_hole)
{
	talker_add("cut");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("cut.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(log_is("cut.log", "one\n"));
	int file = openat(in.home.logs_fd, "cut.log", O_WRONLY | O_TRUNC | O_CLOEXEC);
	io_close(&file);
	talker_put(fd, "two\n");
	INSTANCE_AWAIT(log_is("cut.log", "two\n"));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

START_TEST(only_one_logger)
{
	pid_t first = instance_daemon(&in, ROLE_LOGGER, true);
	pid_t second = instance_daemon(&in, ROLE_LOGGER, false);
	int status;

	ck_assert_int_eq(waitpid(second, &status, 0), second);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	ck_assert_int_eq(instance_end(first, SIGTERM), 0);
}
END_TEST

START_TEST(follows_a_new_segment)
{
	uint32_t slot = talker_add("same");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("same.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 4);
	instance_replace(&in, 32, ROLE_LOGGER);
	talker_put(fd, "two\n");
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 8);
	ck_assert(log_is("same.log", "one\ntwo\n"));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

/* A process is removed and another gets its slot: what waited in the pipe is saved, and nothing of
 * the old counts is left. */
START_TEST(a_removed_row_is_drained)
{
	uint32_t slot = talker_add("first");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("first.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(log_is("first.log", "one\n"));
	ck_assert_int_eq(kill(logger, SIGSTOP), 0);
	talker_put(fd, "last\n");
	instance_release(&in, slot);
	ck_assert_int_eq(unlinkat(in.home.run_fd, "first.out", 0), 0);
	io_close(&talker_keeper);
	ck_assert_uint_eq(talker_add("second"), slot);
	ck_assert_int_eq(kill(logger, SIGCONT), 0);
	INSTANCE_AWAIT(log_is("first.log", "one\nlast\n"));
	io_close(&fd);
	fd = talker_open("second.out");
	talker_put(fd, "new\n");
	INSTANCE_AWAIT(log_is("second.log", "new\n"));
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == 4);
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

/* The spawner had to make the FIFO again: the next run writes to another one. */
START_TEST(a_new_pipe_is_found)
{
	uint32_t slot = talker_add("pipe");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("pipe.out");

	talker_put(fd, "one\n");
	INSTANCE_AWAIT(log_is("pipe.log", "one\n"));
	io_close(&fd);
	ck_assert_int_eq(unlinkat(in.home.run_fd, "pipe.out", 0), 0);
	ck_assert_int_eq(mkfifoat(in.home.run_fd, "pipe.out", 0600), 0);
	fd = openat(in.home.run_fd, "pipe.out", O_RDWR | O_CLOEXEC);
	talker_put(fd, "two\n");
	instance_running(&in, slot, getpid());
	INSTANCE_AWAIT(log_is("pipe.log", "one\ntwo\n"));
	io_close(&fd);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}
END_TEST

/* The highest descriptor that a process has open, and one. */
static rlim_t most_descriptors(pid_t pid)
{
	char path[64];
	rlim_t most = 0;

	for (unsigned i = 0; i < 1024; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, i);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			most = i + 1;
	}
	return most;
}

/* Fewer descriptors than files: those of quiet streams are closed, and opened again when needed. */
START_TEST(descriptors_run_out)
{
	char fifo[32], file[32];
	struct rlimit few;
	int fd[8];

	for (int i = 0; i < 8; i++) {
		(void)snprintf(file, sizeof(file), "s%d", i);
		talker_add(file);
		(void)snprintf(fifo, sizeof(fifo), "s%d.out", i);
		fd[i] = openat(in.home.run_fd, fifo, O_RDWR | O_CLOEXEC);
		io_close(&talker_keeper);
	}
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	talker_put(fd[0], "first\n");
	INSTANCE_AWAIT(log_is("s0.log", "first\n"));
	few.rlim_cur = few.rlim_max = most_descriptors(logger) + 2;
	ck_assert_int_eq(prlimit(logger, RLIMIT_NOFILE, &few, NULL), 0);
	for (int round = 0; round < 2; round++)
		for (int i = 7; i >= 0; i--) {
			(void)snprintf(file, sizeof(file), "s%d.log", i);
			uint64_t before = log_size(file);
			talker_put(fd[i], "line\n");
			INSTANCE_AWAIT(log_size(file) == before + 5);
			instance_pause_ms(20); /* quiet again */
		}
	for (int i = 0; i < 8; i++)
		io_close(&fd[i]);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
	struct pt_event ev;
	ck_assert_uint_eq(log_events(&ev), 0);
}
END_TEST

/* Last words of a process, and the logger told to end: they are in the file when it is gone. A
 * silent process gets no file. */
START_TEST(ends_with_empty_pipes)
{
	talker_add("mute");
	io_close(&talker_keeper);
	talker_add("words");
	pid_t logger = instance_daemon(&in, ROLE_LOGGER, true);
	int fd = talker_open("words.out");

	ck_assert_int_eq(kill(logger, SIGSTOP), 0);
	talker_put(fd, "last words\n");
	io_close(&fd);
	ck_assert_int_eq(kill(logger, SIGTERM), 0);
	ck_assert_int_eq(instance_end(logger, SIGCONT), 0);
	ck_assert(log_is("words.log", "last words\n"));
	ck_assert_int_ne(faccessat(in.home.logs_fd, "mute.log", F_OK, 0), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("daemon");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, talker_setup, talker_teardown);
	tcase_add_test(t, killed_fifty_times);
	tcase_add_test(t, a_stopped_logger_only_delays);
	tcase_add_test(t, quiet_streams_cost_nothing);
	tcase_add_test(t, a_file_that_refuses_bytes_loses_none);
	tcase_add_test(t, a_file_that_can_grow_no_more_has_a_successor);
	tcase_add_test(t, what_is_no_file_is_not_written_to);
	tcase_add_test(t, a_file_that_goes_away_is_made_again);
	tcase_add_test(t, a_truncated_file_gets_no_hole);
	tcase_add_test(t, only_one_logger);
	tcase_add_test(t, follows_a_new_segment);
	tcase_add_test(t, a_removed_row_is_drained);
	tcase_add_test(t, a_new_pipe_is_found);
	tcase_add_test(t, descriptors_run_out);
	tcase_add_test(t, ends_with_empty_pipes);
	return run_cases("logger_splice", t, NULL);
}
