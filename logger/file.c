/* logger/file.c - the current log file of a stream: opened, checked, counted (logger/file.h). */
#define _GNU_SOURCE 1
#include "logger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "logger/name.h"

#define NAME_CHECK_NS	  NS_PER_SEC /* how often the file's name is compared, while bytes flow */
#define SPARE_DESCRIPTORS 16u	     /* beside those for pipes and current files */

/* but: whose file is in use just now */
static bool spare_files(struct logger *lg, bool quiet, const struct stream *but)
{
	bool any = false;

	for (uint32_t i = 0; i < lg->slots; i++) {
		struct stream *st = lg->by_slot[i];

		for (int k = 0; st && k < 2; k++, st = st->err)
			if (st->file >= 0 && st != but && !st->lent && (st->armed || !quiet)) {
				tidx_close(&st->tidx);
				io_close(&st->file);
				any = true;
			}
	}
	return any;
}

/* Out of descriptors: files can be opened again when they are needed, first those of streams that
 * are quiet. If all write, they take turns. */
static bool spare_descriptors(struct logger *lg)
{
	return spare_files(lg, true, NULL) || spare_files(lg, false, NULL);
}

void file_spare(const struct stream *st)
{
	(void)(spare_files(st->lg, true, st) || spare_files(st->lg, false, st));
}

int file_open(struct logger *lg, int dirfd, const char *name, int flags)
{
	int fd = io_open(dirfd, name, flags, 0600);

	/* Some are left free for what else has to be opened: folders, archives, what the threads
	 * work on. */
	if (io_is_scarce(fd, SPARE_DESCRIPTORS))
		(void)spare_descriptors(lg);
	if ((fd == -EMFILE || fd == -ENFILE) && spare_descriptors(lg))
		fd = io_open(dirfd, name, flags, 0600);
	return fd;
}

/* Someone removed the folder: make it again, else its processes would stand still one by one. */
static int renew_folder(struct home *h)
{
	if (mkdirat(h->fd, "logs", 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = io_open(h->fd, "logs", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	io_close(&h->logs_fd);
	h->logs_fd = fd;
	return 0;
}

/* Renamed, it would be written to where nobody looks. */
static void follow_folder(struct home *h)
{
	if (!name_is_of(h->logs_fd, h->fd, "logs"))
		(void)renew_folder(h);
}

static int open_current(struct stream *st)
{
	/* not O_APPEND: splice(2) refuses such a file */
	const int flags = O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY;
	struct logger *lg = st->lg;
	char name[NAME_FILE_MAX];
	int fd;

	follow_folder(&lg->home);
	fd = file_open(lg, lg->home.logs_fd, name_of(st, ".log", name), flags);
	if (fd == -ENOENT && renew_folder(&lg->home) == 0)
		fd = file_open(lg, lg->home.logs_fd, name, flags);
	if (fd < 0)
		return fd;
	st->file = fd;
	st->checked_boot_ns = clock_boot_ns();
	return 0;
}

void file_close(struct stream *st)
{
	tidx_close(&st->tidx);
	st->tidx_told = false;
	st->copying = false;
	io_close(&st->file);
}

/* Somebody took bytes away, or put some there: both are counted, so that the sums stay true. */
static void account(struct stream *st, uint64_t size)
{
	struct pt_log *log = &st->main->log;

	if (size < st->size)
		log->gone_bytes += st->size - size;
	else
		log->base_bytes += size - st->size;
	if (size < st->size)
		tidx_close(&st->tidx); /* it speaks of bytes that are no more */
	st->size = size;
}

/* Close the file if it was deleted or another has its name now. The count of links is free; the
 * name costs a look-up. *sb: of the open file. */
static bool is_stale(struct stream *st, struct stat *sb)
{
	uint64_t now = clock_boot_ns();
	char name[NAME_FILE_MAX];

	if (fstat(st->file, sb) < 0 || sb->st_nlink == 0)
		return true;
	if (now - st->checked_boot_ns < NAME_CHECK_NS)
		return false;
	st->checked_boot_ns = now;
	follow_folder(&st->lg->home);
	return !name_is_of(st->file, st->lg->home.logs_fd, name_of(st, ".log", name));
}

int file_need(struct stream *st, off_t *ret_size)
{
	struct stat sb;
	int r;

	if (st->file >= 0 && is_stale(st, &sb)) {
		account(st, 0);
		file_close(st);
	}
	if (st->file < 0) {
		if ((r = open_current(st)))
			return r;
		if (fstat(st->file, &sb) < 0)
			return -errno;
	}
	if (!S_ISREG(sb.st_mode)) {
		io_close(&st->file);
		return -EINVAL;
	}
	*ret_size = sb.st_size; /* asked each time: whoever truncates the file gets no hole in it */
	if ((uint64_t)sb.st_size != st->size)
		account(st, (uint64_t)sb.st_size);
	return 0;
}
