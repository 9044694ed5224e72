/*
 * logger/stream.c - which streams there are, and their two descriptors.
 *
 * The FIFO is opened read-write. A descriptor for reading alone would report EPOLLHUP, which can't be turned off,
 * for as long as no process has the FIFO open for writing, that is from the end of each run to the next; one that is
 * its own writer never sees it. Nothing is ever written to it, a full pipe still makes the process wait, and when
 * the logger dies both of its ends go, so that nothing changes for the guardian's and the process's own read ends.
 */
#define _GNU_SOURCE 1
#include "logger/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "base/str.h"
#include "logger/drain.h"
#include "logger/publish.h"
#include "shm/owner.h"

#define FILE_NAME_MAX (PT_NAME_MAX + 8)
#define NAME_CHECK_NS NS_PER_SEC /* how often the file's name is compared, while bytes flow */

static const char *file_name(const struct stream *st, const char *suffix, char buf[static FILE_NAME_MAX])
{
	(void)snprintf(buf, FILE_NAME_MAX, "%s%s", st->name, suffix);
	return buf;
}

/* --- the watch and the timer --- */

int stream_arm(struct stream *st, bool armed)
{
	int r = 0;

	if (st->armed != armed && st->watch)
		r = loop_watch_events(st->lg->loop, st->watch, armed ? EPOLLIN : 0);
	if (!r)
		st->armed = armed;
	return r;
}

/* Whole milliseconds, so that the naps of many streams end in the same turn of the loop; shorter naps are left
 * as they are. */
void stream_wake_in(struct stream *st, uint64_t ns)
{
	uint64_t at = clock_boot_ns() + ns;

	if (ns >= NS_PER_MS)
		at += NS_PER_MS - at % NS_PER_MS;
	if (loop_timer_set(st->lg->loop, &st->timer, at))
		(void)stream_arm(st, true); /* no memory for the timer: be woken by the bytes instead */
}

static void on_bytes(void *arg, uint32_t events)
{
	(void)events;
	drain_now(arg);
}

static void on_timer(void *arg)
{
	drain_now(arg);
}

/* --- the two descriptors --- */

/* Out of descriptors: the files of streams that are quiet can be opened again when they are needed. */
static bool spare_descriptors(struct logger *lg)
{
	bool any = false;

	for (uint32_t i = 0; i < lg->slots; i++) {
		struct stream *st = lg->by_slot[i];

		if (!st || !st->armed || st->file < 0)
			continue;
		io_close(&st->file);
		any = true;
	}
	return any;
}

static int open_sparing(struct logger *lg, int dirfd, const char *name, int flags)
{
	int fd = io_open(dirfd, name, flags, 0600);

	if ((fd == -EMFILE || fd == -ENFILE) && spare_descriptors(lg))
		fd = io_open(dirfd, name, flags, 0600);
	return fd;
}

int stream_need_fifo(struct stream *st)
{
	char name[FILE_NAME_MAX];
	struct stat sb;
	int r, fd;

	if (st->fifo >= 0)
		return 0;
	fd = open_sparing(st->lg, st->lg->home.run_fd, file_name(st, ".out", name), O_RDWR | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	r = fstat(fd, &sb) < 0 ? -errno : S_ISFIFO(sb.st_mode) ? 0 : -EINVAL;
	if (!r)
		r = loop_watch(st->lg->loop, fd, EPOLLIN, on_bytes, st, &st->watch);
	if (r) {
		io_close(&fd);
		return r;
	}
	st->fifo = fd;
	st->armed = true;
	int bytes = fcntl(fd, F_GETPIPE_SZ);
	st->log.pipe_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

static void close_fifo(struct stream *st)
{
	loop_unwatch(st->lg->loop, st->watch);
	st->watch = NULL;
	st->armed = false;
	io_close(&st->fifo);
}

/* Does the name still lead to what fd has open? */
static bool is_named(int fd, int dirfd, const char *name)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open.st_dev == named.st_dev && open.st_ino == named.st_ino;
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

static int open_file(struct stream *st)
{
	const int flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY; /* not O_APPEND: splice(2) refuses such a file */
	struct logger *lg = st->lg;
	char name[FILE_NAME_MAX];
	int fd = open_sparing(lg, lg->home.logs_fd, file_name(st, ".log", name), flags);

	if (fd == -ENOENT && renew_folder(&lg->home) == 0)
		fd = open_sparing(lg, lg->home.logs_fd, name, flags);
	if (fd < 0)
		return fd;
	st->file = fd;
	st->checked_boot_ns = clock_boot_ns();
	return 0;
}

/* Close the file if it was deleted or another has its name now. The count of links is free; the name costs a
 * look-up. */
static void drop_stale_file(struct stream *st)
{
	uint64_t now = clock_boot_ns();
	char name[FILE_NAME_MAX];
	struct stat sb;

	if (fstat(st->file, &sb) == 0 && sb.st_nlink > 0) {
		if (now - st->checked_boot_ns < NAME_CHECK_NS)
			return;
		st->checked_boot_ns = now;
		if (is_named(st->file, st->lg->home.logs_fd, file_name(st, ".log", name)))
			return;
	}
	io_close(&st->file);
}

int stream_need_file(struct stream *st, off_t *ret_size)
{
	struct stat sb;
	int r;

	if (st->file >= 0)
		drop_stale_file(st);
	if (st->file < 0 && (r = open_file(st)))
		return r;
	if (fstat(st->file, &sb) < 0)
		return -errno;
	if (!S_ISREG(sb.st_mode)) {
		io_close(&st->file);
		return -EINVAL;
	}
	*ret_size = sb.st_size; /* asked each time: whoever truncates the file gets no hole in it */
	return 0;
}

/* --- coming and going --- */

static void begin(struct logger *lg, uint32_t slot, const struct pt_row *row, uint64_t version)
{
	struct stream *st = calloc(1, sizeof(*st));
	char name[FILE_NAME_MAX];
	struct stat sb;

	if (!st) {
		say(SAY_ERROR, "%s: no memory to capture its output", row->ident.name);
		return;
	}
	st->lg = lg;
	st->slot = slot;
	(void)str_copy(st->name, sizeof(st->name), row->ident.name);
	st->life_version = version;
	st->fifo = st->file = -1;
	st->nap_ns = DRAIN_NAP_MAX_NS;
	st->log.gen = row->gen;
	loop_timer_init(&st->timer, on_timer, st);
	bool there = fstatat(lg->home.logs_fd, file_name(st, ".log", name), &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(sb.st_mode);
	publish_resume(st, &row->log, there ? (uint64_t)sb.st_size : 0);
	lg->by_slot[slot] = st;
	drain_now(st);
}

/* Its row is gone, or this logger ends. */
static void end(struct logger *lg, uint32_t slot)
{
	struct stream *st = lg->by_slot[slot];

	lg->by_slot[slot] = NULL;
	drain_rest(st);
	loop_timer_clear(lg->loop, &st->timer);
	close_fifo(st);
	io_close(&st->file);
	free(st);
}

void stream_end_all(struct logger *lg)
{
	for (uint32_t i = 0; i < lg->slots; i++)
		if (lg->by_slot[i])
			end(lg, i);
	free(lg->by_slot);
	lg->by_slot = NULL;
	lg->slots = 0;
}

void stream_forget_versions(struct logger *lg)
{
	for (uint32_t i = 0; i < lg->slots; i++)
		if (lg->by_slot[i])
			lg->by_slot[i]->life_version = UINT64_MAX;
}

/* The row changed: a new run may have come with a new FIFO, and after a change of segments the slot may be
 * another's. */
static void look_again(struct stream *st, const struct pt_row *row, uint64_t version)
{
	struct logger *lg = st->lg;
	char name[FILE_NAME_MAX];

	if (strcmp(st->name, row->ident.name) != 0) {
		end(lg, row->slot);
		begin(lg, row->slot, row, version);
		return;
	}
	st->life_version = version;
	if (st->fifo >= 0 && is_named(st->fifo, lg->home.run_fd, file_name(st, ".out", name)))
		return;
	if (st->fifo >= 0) {
		drain_rest(st);
		close_fifo(st);
	}
	drain_now(st);
}

static int need_slots(struct logger *lg, uint32_t n)
{
	if (n <= lg->slots)
		return 0;
	struct stream **more = reallocarray(lg->by_slot, n, sizeof(struct stream *));
	if (!more)
		return -ENOMEM;
	memset(more + lg->slots, 0, (n - lg->slots) * sizeof(struct stream *));
	lg->by_slot = more;
	lg->slots = n;
	return 0;
}

static void look_at(struct logger *lg, uint32_t slot)
{
	struct stream *st = lg->by_slot[slot];
	uint64_t version = pt_life_version(lg->pt, slot);
	struct pt_row row;

	if (!(pt_gen(lg->pt, slot) & 1) || (st && st->life_version == version))
		return;
	int r = pt_read_blocks(lg->pt, slot, PT_BLOCK_LOG, &row);
	if (r == -ENOENT)
		return; /* removed since; that rings again */
	if (r) {
		say(SAY_WARNING, "row %u of the process table can't be read: %s", slot, strerror(-r));
		return;
	}
	if (st)
		look_again(st, &row, version);
	else
		begin(lg, slot, &row, version);
}

/* All that end come before all that begin: a process that was removed and added again may lie in a lower slot,
 * and writes to the same file. */
void stream_scan(struct logger *lg)
{
	uint32_t high = pt_high(lg->pt);

	for (uint32_t i = 0; i < lg->slots; i++)
		if (lg->by_slot[i] && lg->by_slot[i]->log.gen != pt_gen(lg->pt, i))
			end(lg, i);
	if (need_slots(lg, high)) {
		say(SAY_ERROR, "no memory for %u streams", high);
		return;
	}
	for (uint32_t i = 0; i < high; i++)
		look_at(lg, i);
}
