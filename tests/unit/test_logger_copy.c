/* tests/unit/test_logger_copy.c - logger/copy.c: what a logger leaves in the journal that was
 * killed between its read and its write. */
/* links: logger/copy.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "logger/copy.h"
#include "tests/unit/run.h"

/* As it lies in the file; a logger of another build reads it, too. */
struct left {
	uint64_t magic, inode, device, offset;
	uint32_t bytes, state;
	char buf[COPY_BATCH_BYTES];
};
enum { CLEAR, READING, HAVE };

static const char sentinel[] = "\xff\xc0\xfe\xc1\xff\xf5\xfe\xf8\xff\xc0\xfd\xc1\xff\xf7\xfe\xf9";
static char folder[] = "/tmp/tend-copy-XXXXXX";
static int dir, file;

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	file = io_open(dir, "a.log", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(io_write_all(file, "first\n", 6), 0);
}

static void leave(void)
{
	(void)unlinkat(dir, "a.log", 0);
	(void)unlinkat(dir, "a.journal", 0);
	io_close(&file);
	io_close(&dir);
	(void)rmdir(folder);
}

/* The journal of a.log after a death: so many bytes were to be read, and buf holds this. */
static struct copy *after_death(uint32_t state, const char *buf, uint32_t bytes, off_t offset)
{
	static struct left l;
	struct copy *c = NULL;
	struct stat sb;
	int fd = io_open(dir, "a.journal", O_RDWR | O_CREAT, 0600);

	ck_assert_int_eq(fstat(file, &sb), 0);
	memset(&l, 0, sizeof(l));
	l = (struct left){ .magic = 0x314c4e524a444e54ull,
		.inode = sb.st_ino,
		.device = sb.st_dev,
		.offset = (uint64_t)offset,
		.bytes = bytes,
		.state = state };
	memcpy(l.buf, buf, bytes < 64 ? bytes : 64);
	ck_assert_int_eq(io_write_all(fd, &l, sizeof(l)), 0);
	io_close(&fd);
	ck_assert_int_eq(copy_find(dir, "a", &c), 0);
	return c;
}

static void log_is(const char *text)
{
	char *found;

	ck_assert_int_eq(io_read_file(dir, "a.log", 1000, &found, NULL), 0);
	ck_assert_str_eq(found, text);
	free(found);
}

START_TEST(read_but_not_written)
{
	struct copy *c = after_death(READING, "second\n", 7, 6);

	ck_assert_int_eq(copy_pending(c), 1);
	ck_assert_int_eq(copy_finish(c, file, 6), 7);
	log_is("first\nsecond\n");
	ck_assert_int_eq(copy_pending(c), 0);
	copy_close(dir, "a", c);
	ck_assert_int_eq(faccessat(dir, "a.journal", F_OK, 0), -1);
}
END_TEST

START_TEST(not_read_yet)
{
	for (uint32_t bytes = 1; bytes <= 20; bytes++) { /* also fewer than the sentinel has */
		struct copy *c = after_death(READING, sentinel, bytes < 16 ? bytes : 16, 6);

		ck_assert_int_eq(copy_pending(c), 0);
		ck_assert_int_eq(copy_finish(c, file, 6), 0);
		copy_close(dir, "a", c);
	}
	log_is("first\n");
}
END_TEST

START_TEST(written_in_part)
{
	struct copy *c = after_death(HAVE, "second\n", 7, 6);

	ck_assert_int_eq(io_write_all(file, "sec", 3), 0);
	ck_assert_int_eq(copy_finish(c, file, 9), 4);
	log_is("first\nsecond\n");
	copy_close(dir, "a", c);
}
END_TEST

/* The pipe has less in it than was asked for: the block ends where its bytes do. */
START_TEST(a_short_pipe)
{
	struct copy *c;
	int p[2];

	ck_assert_int_eq(copy_open(dir, "a", &c), 0);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(io_write_all(p[1], "line\n", 5), 0);
		ck_assert_int_eq(copy_move(c, p[0], file, 6 + i * 5, COPY_BATCH_BYTES), 5);
		ck_assert_int_eq(copy_pending(c), 0);
	}
	ck_assert_int_eq(copy_move(c, p[0], file, 21, COPY_BATCH_BYTES), 0);
	log_is("first\nline\nline\nline\n");
	copy_close(dir, "a", c);
	io_close(&p[0]);
	io_close(&p[1]);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("copy");

	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, read_but_not_written);
	tcase_add_test(t, not_read_yet);
	tcase_add_test(t, written_in_part);
	tcase_add_test(t, a_short_pipe);
	return run_cases("logger/copy", t, NULL);
}
