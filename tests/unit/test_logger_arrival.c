/* tests/unit/test_logger_arrival.c - tend-logger alone, on a hand-made segment: how it learns of
 * bytes in quiet pipes. */
/* links: tests/unit/instance.c tests/unit/talker.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "logger/arrival.h"
#include "tests/unit/run.h"
#include "tests/unit/talker.h"

#define QUIET 8

static uint32_t slots[QUIET];
static int fds[QUIET];
static uint64_t put[QUIET];

/* How many pipes it has armed by now, as the kernel shows it. */
static int armed(pid_t pid)
{
	char path[64], text[1024];
	int n = 0;

	for (int fd = 0; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
		const char *flags = io_read_small(AT_FDCWD, path, text, sizeof(text)) > 0
			? strstr(text, "flags:")
			: NULL;
		n += flags && strtol(flags + 6, NULL, 8) & O_ASYNC;
	}
	return n;
}

static pid_t begin(void)
{
	char name[32], fifo[32];
	pid_t logger;

	for (int i = 0; i < QUIET; i++) {
		(void)snprintf(name, sizeof(name), "q%d", i);
		slots[i] = talker_add(name);
		(void)snprintf(fifo, sizeof(fifo), "q%d.out", i);
		fds[i] = openat(in.home.run_fd, fifo, O_RDWR | O_CLOEXEC);
		io_close(&talker_keeper);
		put[i] = 0;
	}
	logger = instance_daemon(&in, ROLE_LOGGER, true);
	INSTANCE_AWAIT(armed(logger) == QUIET);
	return logger;
}

static void say_line(int i)
{
	talker_put(fds[i], "a line\n");
	put[i] += 7;
}

static bool all_captured(void)
{
	bool all = true;

	for (int i = 0; i < QUIET; i++)
		all &= talker_block(slots[i]).captured_bytes == put[i];
	return all;
}

static void end(pid_t logger)
{
	for (int i = 0; i < QUIET; i++)
		io_close(&fds[i]);
	ck_assert_int_eq(instance_end(logger, SIGTERM), 0);
}

/* Signals that wait for the whole process, and how many of them are queued. */
static unsigned long long pending(pid_t pid, unsigned *ret_queued)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ck_assert_int_gt(io_read_small(AT_FDCWD, path, text, sizeof(text)), 0);
	const char *mask = strstr(text, "ShdPnd:"), *queued = strstr(text, "SigQ:");
	ck_assert(mask && queued);
	*ret_queued = (unsigned)strtoul(queued + 5, NULL, 10);
	return strtoull(mask + 7, NULL, 16);
}

static bool waits(unsigned long long mask, int signo)
{
	return mask >> (signo - 1) & 1;
}

START_TEST(each_pipe_tells_for_itself)
{
	pid_t logger = begin();

	for (int round = 0; round < 5; round++)
		for (int i = QUIET - 1; i >= 0; i--) {
			say_line(i);
			INSTANCE_AWAIT(all_captured());
		}
	end(logger);
}
END_TEST

/* Where no signal can be queued, all pipes are looked at. */
START_TEST(signals_find_no_room)
{
	struct rlimit none = { 0, 0 };
	pid_t logger = begin();
	unsigned queued;

	ck_assert_int_eq(prlimit(logger, RLIMIT_SIGPENDING, &none, NULL), 0);
	for (int round = 0; round < 5; round++) {
		INSTANCE_AWAIT(armed(logger) == QUIET);
		ck_assert_int_eq(kill(logger, SIGSTOP), 0);
		for (int i = round % 2; i < QUIET; i += 2)
			say_line(i);
		unsigned long long mask = pending(logger, &queued);
		ck_assert(waits(mask, SIGIO) && !waits(mask, SIGRTMIN));
		ck_assert_int_eq(kill(logger, SIGCONT), 0);
		INSTANCE_AWAIT(all_captured());
	}
	end(logger);
}
END_TEST

/* A logger that gets no processor while others write: the kernel keeps few signals for it, and
 * nothing is forgotten. */
START_TEST(few_signals_are_queued)
{
	pid_t logger = begin();
	unsigned before, queued;

	(void)pending(logger, &before);
	ck_assert_int_eq(kill(logger, SIGSTOP), 0);
	for (int i = 0; i < 4 * (int)ARRIVAL_QUEUED_MAX; i++)
		say_line(0);
	for (int i = 1; i < QUIET; i++)
		say_line(i);
	unsigned long long mask = pending(logger, &queued);
	ck_assert(waits(mask, SIGIO));
	/* others of this user have some, too */
	ck_assert_uint_le(queued, before + ARRIVAL_QUEUED_MAX + 2 * QUIET);
	ck_assert_int_eq(kill(logger, SIGCONT), 0);
	INSTANCE_AWAIT(all_captured());
	end(logger);
}
END_TEST

/* After a flood a pipe is looked at for a while without being asked to; then it tells again. */
START_TEST(quiet_after_a_flood)
{
	struct tally *tally;
	pid_t logger = begin();
	uint32_t slot = talker_add("flood");
	pid_t writer = talker_start("flood.out", &tally);

	INSTANCE_AWAIT(talker_block(slot).captured_bytes > 4u << 20);
	tally->stop = true;
	ck_assert_int_eq(instance_end(writer, 0), 0);
	INSTANCE_AWAIT(talker_block(slot).captured_bytes == tally->bytes);
	int fd = talker_open("flood.out");
	for (int i = 0; i < 4; i++) {
		uint64_t before = talker_block(slot).captured_bytes;
		talker_put(fd, "still there\n");
		INSTANCE_AWAIT(talker_block(slot).captured_bytes == before + 12);
		instance_pause_ms(100); /* some of the lines come in the lull, some after it */
	}
	io_close(&fd);
	end(logger);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("arrival");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, talker_setup, talker_teardown);
	tcase_add_test(t, each_pipe_tells_for_itself);
	tcase_add_test(t, signals_find_no_room);
	tcase_add_test(t, few_signals_are_queued);
	tcase_add_test(t, quiet_after_a_flood);
	return run_cases("logger_arrival", t, NULL);
}
