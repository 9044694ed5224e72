/*
 * tests/unit/test_base_io.c - base/io.c, in a folder of its own for each test.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "tests/unit/run.h"

static int new_folder(void)
{
	char path[] = "/tmp/tend-io-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(chdir(path), 0);
	return fd;
}

/* Names in the folder, without "." and "..". */
static int count(void)
{
	DIR *d = opendir(".");
	int n = -2;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void drop_folder(int fd)
{
	char path[64] = "";
	DIR *d = opendir(".");
	struct dirent *e;

	ck_assert_ptr_nonnull(getcwd(path, sizeof(path)));
	while ((e = readdir(d)))
		if (unlinkat(fd, e->d_name, 0) < 0)
			(void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
	closedir(d);
	close(fd);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(reads_whole_files)
{
	int d = new_folder();
	char *text = NULL;
	size_t len = 9;

	ck_assert_int_eq(io_replace(d, "f", "a\0b", 3, IO_NO_SYNC), 0);
	ck_assert_int_eq(io_read_file(d, "f", 3, &text, &len), 0);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(memcmp(text, "a\0b", 4), 0);
	free(text);
	text = NULL;
	ck_assert_int_eq(io_read_file(d, "f", 2, &text, &len), -EFBIG);
	ck_assert_int_eq(io_read_file(d, "none", 2, &text, NULL), -ENOENT);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(io_replace(d, "e", "", 0, IO_NO_SYNC), 0);
	ck_assert_int_eq(io_read_file(d, "e", 0, &text, NULL), 0);
	ck_assert_str_eq(text, "");
	free(text);
	/* its size is said to be 0 */
	ck_assert_int_eq(io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &len), 0);
	ck_assert_uint_gt(len, 100);
	ck_assert_uint_eq(strlen(text), len);
	free(text);
	ck_assert_int_eq(io_read_file(AT_FDCWD, "/proc/self/status", 10, &text, NULL), -EFBIG);
	drop_folder(d);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
	int d = new_folder();
	char *text = NULL;

	/* has no writer: an ordinary open would wait for ever */
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	ck_assert_int_eq(symlink("fifo", "link"), 0);
	ck_assert_int_eq(io_read_file(d, "fifo", 10, &text, NULL), -EINVAL);
	ck_assert_int_eq(io_read_file(d, "dir", 10, &text, NULL), -EINVAL);
	ck_assert_int_eq(io_read_file(d, "link", 10, &text, NULL), -ELOOP);
	ck_assert_int_eq(io_read_file(AT_FDCWD, "/dev/zero", 10, &text, NULL), -EINVAL);
	ck_assert_int_eq(io_open(d, "link", O_RDONLY, 0), -ELOOP);
	drop_folder(d);
}
END_TEST

START_TEST(small_reads)
{
	int d = new_folder();
	char b[4] = "zzz";

	ck_assert_int_eq(io_replace(d, "f", "12345", 5, IO_NO_SYNC), 0);
	ck_assert_int_eq(io_read_small(d, "f", b, sizeof(b)), 3);
	ck_assert_str_eq(b, "123");
	ck_assert_int_eq(io_read_small(d, "f", b, 1), 0);
	ck_assert_str_eq(b, "");
	ck_assert_int_eq(io_read_small(d, "f", b, 0), -EINVAL);
	ck_assert_int_eq(io_read_small(d, "none", b, sizeof(b)), -ENOENT);
	ck_assert_int_eq(io_read_small(d, ".", b, sizeof(b)), -EISDIR);
	drop_folder(d);
}
END_TEST

START_TEST(replaces)
{
	int d = new_folder();
	char *text, *big = calloc(1, 300000);
	size_t len;
	struct stat st;

	umask(0);
	ck_assert_int_eq(io_replace(d, "f", "one", 3, IO_SYNC), 0);
	ck_assert_int_eq(fstatat(d, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	umask(0777);
	ck_assert_int_eq(io_replace(d, "f", big, 300000, IO_NO_SYNC), 0);
	umask(022);
	ck_assert_int_eq(fstatat(d, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(io_read_file(d, "f", 300000, &text, &len), 0);
	ck_assert_uint_eq(len, 300000);
	free(text);
	free(big);
	ck_assert_int_eq(count(), 1);
	/* the link itself is replaced, not what it leads to */
	ck_assert_int_eq(symlink("f", "l"), 0);
	ck_assert_int_eq(io_replace(d, "l", "two", 3, IO_NO_SYNC), 0);
	ck_assert_int_eq(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(fstatat(d, "f", &st, 0), 0);
	ck_assert_int_eq((int)st.st_size, 300000);
	drop_folder(d);
}
END_TEST

START_TEST(failed_replacement_leaves_nothing)
{
	int d = new_folder();
	struct rlimit rl, one = { .rlim_cur = 1, .rlim_max = RLIM_INFINITY };
	char *text;

	ck_assert_int_eq(mkdir("dir", 0700), 0);
	ck_assert_int_lt(io_replace(d, "dir", "x", 1, IO_NO_SYNC), 0); /* fails at the rename */
	ck_assert_int_eq(io_replace(d, "a/b", "x", 1, IO_NO_SYNC), -EINVAL);
	ck_assert_int_eq(io_replace(d, "", "x", 1, IO_NO_SYNC), -EINVAL);
	ck_assert_int_eq(count(), 1);
	ck_assert_int_eq(io_replace(d, "f", "o", 1, IO_NO_SYNC), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &rl), 0);
	one.rlim_max = rl.rlim_max;
	/* as a full disk: one byte gets through */
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &one), 0);
	int r = io_replace(d, "f", "new", 3, IO_NO_SYNC);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &rl), 0);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_int_eq(count(), 2);
	ck_assert_int_eq(io_read_file(d, "f", 9, &text, NULL), 0);
	ck_assert_str_eq(text, "o");
	free(text);
	drop_folder(d);
}
END_TEST

START_TEST(descriptors)
{
	int fd = io_open(AT_FDCWD, "/dev/null", O_RDONLY, 0), none = -1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	errno = ENOTTY;
	io_close(&fd);
	io_close(&none);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(io_write_all(-1, "x", 1), -EBADF);
	ck_assert_int_eq(io_write_all(-1, "x", 0), 0);
}
END_TEST

START_TEST(raises_limit)
{
	struct rlimit rl = { 0 }, low;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	low = rl;
	low.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_uint_eq(io_raise_nofile(), 64);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_uint_eq(low.rlim_cur, rl.rlim_max);
}
END_TEST

/* Two that write the same file at once, again and again: one has something new, the other one
 * changes what it has read before. The new one must be there in the end. */
#define ROUNDS 400

static pthread_barrier_t turn;

static void *put_new(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&turn);
		/* what is there afterwards is looked at */
		(void)io_replace(*(int *)arg, "f", "new", 3, IO_NO_SYNC);
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

START_TEST(replaces_the_old_one_only)
{
	int d = new_folder(), changed = 0, r;
	struct stat st;
	pthread_t writer;
	char text[16];

	pthread_barrier_init(&turn, NULL, 2);
	ck_assert_int_eq(pthread_create(&writer, NULL, put_new, &d), 0);
	for (int i = 0; i < ROUNDS; i++) {
		int fd;

		ck_assert_int_eq(io_replace(d, "f", "old", 3, IO_NO_SYNC), 0);
		fd = openat(d, "f", O_RDONLY | O_CLOEXEC);
		ck_assert(fd >= 0 && fstat(fd, &st) == 0);
		pthread_barrier_wait(&turn);
		r = io_replace_old(d, "f", "old, changed", 12, IO_NO_SYNC, &st);
		pthread_barrier_wait(&turn);
		ck_assert_msg(r == 0 || r == -EAGAIN, "%d", r);
		changed += r == 0;
		ck_assert_int_eq(close(fd), 0);
		ck_assert_int_eq(io_read_small(d, "f", text, sizeof(text)), 3);
		ck_assert_str_eq(text, "new");
		ck_assert(i % 50 || count() == 1);
	}
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
	ck_assert_int_gt(changed, 0); /* it came first then */
	ck_assert_int_eq(unlinkat(d, "f", 0), 0);
	/* what was removed stays so */
	ck_assert_int_eq(io_replace_old(d, "f", "x", 1, IO_NO_SYNC, &st), -EAGAIN);
	ck_assert_int_eq(count(), 0);
	drop_folder(d);
}
END_TEST

/* Whoever may write to a folder may call a file whatever he likes. */
START_TEST(names_of_leftovers)
{
	static const char *const foreign[] = { "", ".", "..", "tmp", ".tmp", "..tmp", ".-.tmp",
		".x.tmp", ".x.-.tmp", ".x.-5-1.tmp", ".x.y-1.tmp", ".5-1.tmp", "x.5-1.tmp", ".new",
		".new-", ".new--1", ".new-5", ".new-x-1", ".x.99999999999999999999-1.tmp",
		".new-99999999999999999999-1", ".x.2147483647-1" };
	char own[64];

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		ck_assert_msg(!io_is_leftover(foreign[i]), "\"%s\"", foreign[i]);
	ck_assert(io_is_leftover(".x.2147483647-00000000.tmp")); /* no kernel gives such a pid */
	ck_assert(io_is_leftover("..2147483647-00000000.tmp"));
	ck_assert(io_is_leftover(".new-2147483647-0.json"));
	snprintf(own, sizeof(own), ".x.%d-00000000.tmp", (int)getpid());
	ck_assert(!io_is_leftover(own));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all"), *together = tcase_create("together");
	tcase_add_test(tc, reads_whole_files);
	tcase_add_test(tc, refuses_what_is_no_file);
	tcase_add_test(tc, small_reads);
	tcase_add_test(tc, replaces);
	tcase_add_test(tc, failed_replacement_leaves_nothing);
	tcase_add_test(tc, descriptors);
	tcase_add_test(tc, raises_limit);
	tcase_add_test(tc, names_of_leftovers);
	tcase_add_test(together, replaces_the_old_one_only);
	tcase_set_timeout(together, 120);
	return run_cases("base_io", tc, together, NULL);
}
