/* tests/unit/talker.c - what the tests of tend-logger share (tests/unit/talker.h). */
#define _GNU_SOURCE 1
#include "tests/unit/talker.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "shm/table.h"

struct instance in;
int talker_keeper = -1;

void talker_setup(void)
{
	instance_make(&in, 16);
}

void talker_teardown(void)
{
	io_close(&talker_keeper);
	instance_remove(&in);
}

uint32_t talker_add(const char *name)
{
	uint32_t slot = instance_add(&in, name, PT_SERVICE_SERVICE);
	char fifo[PT_NAME_MAX + 8];

	(void)snprintf(fifo, sizeof(fifo), "%s.out", name);
	talker_keeper = openat(in.home.run_fd, fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(talker_keeper, 0);
	return slot;
}

struct pt_log talker_block(uint32_t slot)
{
	struct pt_row row;

	ck_assert_int_eq(pt_read(in.spawner, slot, &row), 0);
	return row.log;
}

int talker_open(const char *fifo)
{
	int fd = openat(in.home.run_fd, fifo, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

void talker_put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

pid_t talker_start(const char *fifo, struct tally **ret)
{
	struct tally *t = mmap(
		NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	ck_assert(t != MAP_FAILED);
	ck_assert_int_ge(pid, 0);
	*ret = t;
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = openat(in.home.run_fd, fifo, O_WRONLY);
	char line[256], dots[97];

	memset(dots, '.', 96);
	dots[96] = '\0';
	for (uint64_t i = 0; !t->stop; i++) {
		int n = snprintf(line, sizeof(line), "%llu %.*s\n", (unsigned long long)i,
			(int)(i % 97), dots);
		if (write(fd, line, (size_t)n) != n)
			_exit(1);
		t->lines = i + 1;
		t->bytes += (uint64_t)n;
	}
	_exit(0);
}

const char *talker_wrong(const char *at, uint64_t lines)
{
	static char what[200];

	for (uint64_t i = 0; i < lines; i++) {
		char *end = strchr(at, '\n'), *blank;

		if (end && strtoull(at, &blank, 10) == i && *blank == ' ' &&
			(uint64_t)(end - blank - 1) == i % 97) {
			at = end + 1;
			continue;
		}
		(void)snprintf(what, sizeof(what), "line %llu of %llu is: %.100s",
			(unsigned long long)i, (unsigned long long)lines, at);
		return what;
	}
	return *at ? "there is more than was written" : NULL;
}
