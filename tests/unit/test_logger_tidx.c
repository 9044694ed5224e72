/* tests/unit/test_logger_tidx.c - logger/tidx.c: what a time index that lies there already is
 * worth. */
/* links: logger/tidx.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "logger/tidx.h"
#include "tests/unit/run.h"

static char folder[] = "/tmp/tend-tidx-XXXXXX";
static int dir, file;
static uint64_t inode;

static void enter(void)
{
	struct stat sb;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	file = io_open(dir, "a.log", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(fstat(file, &sb), 0);
	inode = (uint64_t)sb.st_ino;
}

static void leave(void)
{
	(void)unlinkat(dir, "a.log", 0);
	(void)unlinkat(dir, "a.log.idx", 0);
	io_close(&file);
	io_close(&dir);
	(void)rmdir(folder);
}

/* Three entries, of the bytes from 0, 10 and 20 on. */
static void note_three(void)
{
	struct tidx t;

	ck_assert_int_eq(tidx_open(&t, dir, "a.log.idx", file, 0), 0);
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_int_eq(tidx_note(&t, i * 10, (i + 1) * NS_PER_SEC, 1), 0);
	tidx_close(&t);
}

static struct tidx_head head(void)
{
	struct tidx_head h;
	int fd = io_open(dir, "a.log.idx", O_RDONLY, 0);

	ck_assert_int_eq(pread(fd, &h, sizeof(h), 0), (ssize_t)sizeof(h));
	io_close(&fd);
	return h;
}

START_TEST(goes_on)
{
	struct tidx t;

	note_three();
	ck_assert_int_eq(tidx_open(&t, dir, "a.log.idx", file, 30), 0);
	ck_assert_uint_eq(t.last.offset, 20);
	ck_assert_uint_eq(t.bytes, sizeof(struct tidx_head) + 3 * sizeof(struct tidx_entry));
	tidx_close(&t);
	ck_assert_uint_eq(tidx_first(dir, "a.log.idx", inode), NS_PER_SEC);
	ck_assert_uint_eq(tidx_last(dir, "a.log.idx", inode), 3 * NS_PER_SEC);
	ck_assert_uint_eq(tidx_last(dir, "a.log.idx", inode + 1), 0);
	ck_assert_uint_eq(tidx_last(dir, "b.log.idx", inode), 0);
}
END_TEST

/* The log was truncated to within, or right in front of, what the last entry speaks of: what comes
 * to that place did not arrive then. */
START_TEST(begins_anew_where_the_log_is_shorter)
{
	struct tidx t;

	note_three();
	ck_assert_int_eq(tidx_open(&t, dir, "a.log.idx", file, (uint64_t)_i), 0);
	ck_assert_uint_eq(t.bytes, sizeof(struct tidx_head));
	ck_assert_uint_eq(t.last.real_ns, 0);
	ck_assert_uint_eq(head().start_bytes, (uint64_t)_i);
	tidx_close(&t);
	ck_assert_uint_eq(tidx_last(dir, "a.log.idx", inode), 0);
}
END_TEST

START_TEST(a_torn_entry_goes)
{
	struct tidx t;
	struct stat sb;
	int fd;

	note_three();
	fd = io_open(dir, "a.log.idx", O_WRONLY | O_APPEND, 0);
	ck_assert_int_eq(io_write_all(fd, "torn", 4), 0);
	io_close(&fd);
	ck_assert_uint_eq(tidx_last(dir, "a.log.idx", inode), 3 * NS_PER_SEC);
	ck_assert_int_eq(tidx_open(&t, dir, "a.log.idx", file, 30), 0);
	ck_assert_int_eq(fstat(t.fd, &sb), 0);
	ck_assert_int_eq(
		sb.st_size, (off_t)(sizeof(struct tidx_head) + 3 * sizeof(struct tidx_entry)));
	tidx_close(&t);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("tidx");

	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, goes_on);
	tcase_add_loop_test(t, begins_anew_where_the_log_is_shorter, 0, 21);
	tcase_add_test(t, a_torn_entry_goes);
	return run_cases("logger/tidx", t, NULL);
}
