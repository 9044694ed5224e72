/*
 * logger/stream.c - which streams there are, and their two descriptors.
 *
 * The FIFO is opened read-write. A descriptor for reading alone would report EPOLLHUP, which can't
 * be turned off, for as long as no process has the FIFO open for writing, that is from the end of
 * each run to the next; one that is its own writer never sees it. Nothing is ever written to it, a
 * full pipe still makes the process wait, and when the logger dies both of its ends go, so that
 * nothing changes for the guardian's and the process's own read ends.
 */
#define _GNU_SOURCE 1
#include "logger/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/ends.h"
#include "logger/copy.h"
#include "logger/drain.h"
#include "logger/lend.h"
#include "logger/orphans.h"
#include "logger/publish.h"
#include "logger/rescue.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define SCAN_AGAIN_NS	  NS_PER_SEC
#define SPARE_DESCRIPTORS 16u /* beside those for pipes and current files */


const char *stream_file_name(
	const struct stream *st, const char *suffix, char buf[static STREAM_FILE_MAX])
{
	(void)snprintf(buf, STREAM_FILE_MAX, "%s%s%s", st->name, st->main == st ? "" : LOG_ERR_MARK,
		suffix);
	return buf;
}

/* --- the watch and the timer --- */

/* What came before it was armed has sent no signal. */
void stream_arm(struct stream *st, bool armed)
{
	if (!armed && st->armed)
		arrival_disarm(st);
	if (!armed || st->fifo < 0)
		return;
	if (!st->armed && arrival_arm(st))
		stream_wake_in(st, STREAM_RETRY_NS); /* no memory for it now */
	else if (pipe_bytes(st->fifo))
		stream_wake_in(st, 0);
}

/* Whole milliseconds, so that the naps of many streams end in the same turn of the loop; shorter
 * naps are left as they are, and one of 0 ends in the next turn. */
void stream_wake_in(struct stream *st, uint64_t ns)
{
	uint64_t at = clock_boot_ns() + ns;

	if (ns >= NS_PER_MS)
		at += NS_PER_MS - at % NS_PER_MS;
	if (loop_timer_set(st->lg->loop, &st->timer, at) == 0)
		return;
	/* no memory for the timer: be woken by the bytes instead, those that are there too */
	if (st->fifo >= 0 && !st->armed)
		(void)arrival_arm(st);
	arrival_look_at_all();
}

static void on_timer(void *arg)
{
	drain_now(arg);
}

static void on_age(void *arg)
{
	struct stream *st = arg;

	if (st->aged)
		st->cut_due = true;
	else
		(void)loop_timer_set(
			st->lg->loop, &st->age, clock_boot_ns() + st->rotate_age_s * NS_PER_SEC);
	st->aged = st->rotate_due = true;
	drain_now(st);
}

/* --- the two descriptors --- */

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

void stream_spare(const struct stream *st)
{
	(void)(spare_files(st->lg, true, st) || spare_files(st->lg, false, st));
}

int stream_open(struct logger *lg, int dirfd, const char *name, int flags)
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

int stream_need_fifo(struct stream *st)
{
	char name[STREAM_FILE_MAX];
	bool scarce = false;
	struct stat sb;
	int r, fd;

	if (st->fifo >= 0)
		return 0;
	fd = rescue_take(st);
	if (fd < 0) {
		fd = stream_open(st->lg, st->lg->home.run_fd, stream_file_name(st, ".out", name),
			O_RDWR | O_NONBLOCK | O_NOCTTY);
		/* files need the last ones: else what is in the pipes could not be written */
		scarce = io_is_scarce(fd, IO_SPARE_FDS);
	}
	if (fd < 0)
		return fd;
	r = fstat(fd, &sb) < 0	       ? -errno
		: scarce	       ? -EMFILE
		: S_ISFIFO(sb.st_mode) ? arrival_prepare(fd)
				       : -EINVAL;
	if (r) {
		io_close(&fd);
		return r;
	}
	st->fifo = fd;
	int bytes = fcntl(fd, F_GETPIPE_SZ);
	if (st == st->main)
		st->log.pipe_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	st->pipe_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

static void close_fifo(struct stream *st)
{
	stream_arm(st, false);
	st->enlarged = false;
	io_close(&st->fifo);
}

/* Does the name still lead to what fd has open? */
bool stream_is_named(int fd, int dirfd, const char *name)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static void note_run(struct stream *st, const struct pt_life *life)
{
	st->runs = life->pid > 0;
	st->fifo_life = life->life;
	st->astray = false;
}

/*
 * Is the open FIFO the one to drain from? Each run gets what has the name when it is launched. So
 * where the name was taken away, or leads to another one now, the process that was launched before
 * goes on writing to this one, and it is drained to that run's end.
 */
static bool fifo_is_right(struct stream *st, const struct pt_life *life)
{
	char name[STREAM_FILE_MAX];
	bool same_run = life->life == st->fifo_life && pt_state_traits(life->state) & PT_TRAIT_PID;

	if (st->fifo < 0)
		return false;
	(void)stream_file_name(st, ".out", name);
	if (stream_is_named(st->fifo, st->lg->home.run_fd, name)) {
		note_run(st, life);
		return true;
	}
	if (same_run && !st->astray)
		say(SAY_WARNING,
			"%s: run/%s was taken away or replaced; what the process writes is captured until its run ends",
			st->name, name);
	st->astray = same_run;
	st->runs = life->pid > 0;
	return same_run;
}

/* --- coming and going --- */

static uint64_t file_size(const struct stream *st)
{
	char name[STREAM_FILE_MAX];
	struct stat sb;

	return fstatat(st->lg->home.logs_fd, stream_file_name(st, ".log", name), &sb,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(sb.st_mode)
		? (uint64_t)sb.st_size
		: 0;
}

static const struct catalog *catalog(struct logger *lg)
{
	int r;

	if (lg->catalog_read)
		return &lg->catalog;
	lg->catalog_read = true;
	r = catalog_read(lg->home.logs_fd, &lg->catalog);
	if (r)
		say(SAY_WARNING, "can't read the folder logs: %s", strerror(-r));
	return &lg->catalog;
}

/* What the row says of how its output is kept. */
static void take_limits(struct stream *st, const struct pt_ident *ident)
{
	uint64_t most = rotate_file_max();

	st->rotate_bytes = ident->log_rotate_bytes && ident->log_rotate_bytes < most
		? ident->log_rotate_bytes
		: most == UINT64_MAX ? 0
				     : most;
	if (st->rotate_age_s != ident->log_rotate_age_s) {
		loop_timer_clear(st->lg->loop, &st->age);
		st->rotate_age_s = ident->log_rotate_age_s;
		if (st->size && st->file >= 0)
			rotate_first_byte(st);
	}
	st->shelf.keep_bytes = ident->log_keep_bytes;
	st->shelf.keep_files = ident->log_keep_files;
	st->shelf.keep_age_s = ident->log_keep_age_s;
}

static void scan_later(struct logger *lg)
{
	if (!lg->scan_timer.at_boot_ns)
		(void)loop_timer_set(lg->loop, &lg->scan_timer, clock_boot_ns() + SCAN_AGAIN_NS);
}

/* main NULL: the stream of standard output. Reads what lies on the disk. */
static struct stream *make(struct logger *lg, uint32_t slot, const struct pt_row *row,
	struct stream *main, uint64_t *marked)
{
	size_t name_room = strlen(row->ident.name) + 1,
	       base_room = name_room + sizeof(LOG_ERR_MARK ".log");
	struct stream *st = calloc(1, sizeof(*st) + name_room + base_room);

	if (!st) {
		say(SAY_ERROR, "%s: no memory to capture its output, tried again in a second",
			row->ident.name);
		scan_later(lg);
		return NULL;
	}
	st->lg = lg;
	st->slot = slot;
	st->main = main ? main : st;
	st->name = memcpy(st->texts, row->ident.name, name_room);
	st->fifo = st->file = st->tidx.fd = -1;
	st->run = (struct pidref)PIDREF_NONE;
	st->unnoted = UINT64_MAX;
	st->log.gen = row->gen;
	note_run(st, &row->life);
	loop_timer_init(&st->timer, on_timer, st);
	loop_timer_init(&st->age, on_age, st);
	st->size = file_size(st);
	(void)snprintf(
		st->texts + name_room, base_room, "%s%s.log", st->name, main ? LOG_ERR_MARK : "");
	orphans_claim(lg, st->texts + name_room);
	shelf_init(&st->shelf, lg, st, st->texts + name_room);
	shelf_load(&st->shelf, catalog(lg), marked);
	take_limits(st, &row->ident);
	return st;
}

/* What an earlier logger had read and not written yet; the file may be a file system's that refuses
 * splice. */
static void recover(struct stream *st)
{
	off_t size;
	ssize_t n;

	char stem[STREAM_FILE_MAX];

	if (copy_find(st->lg->home.run_fd, stream_file_name(st, "", stem), &st->copy) < 0 ||
		!copy_pending(st->copy))
		return;
	if (stream_need_file(st, &size) < 0 || (n = copy_finish(st->copy, st->file, size)) < 0)
		return; /* tried again before anything else is read */
	st->size += (uint64_t)n;
	st->main->log.captured_bytes += (uint64_t)n;
	if (st != st->main)
		st->main->log.err_captured_bytes += (uint64_t)n;
}

static void wake_up(struct stream *st, const struct pt_row *row)
{
	bool known = row->log.gen == row->gen;
	uint64_t noted = st == st->main ? row->log.file_bytes : row->log.err_file_bytes;
	int r = 0;

	if (known && noted < st->size)
		st->unnoted = noted;
	st->life = known && row->life.life ? row->life.life - 1 : 0;
	if (st->size) { /* the run that was noted last goes on, unless it is another now */
		off_t size;
		char idx[STREAM_FILE_MAX];

		r = stream_need_file(st, &size);
		if (!r &&
			tidx_open(&st->tidx, st->lg->home.logs_fd,
				stream_file_name(st, ".log.idx", idx), st->file, st->size) == 0) {
			if (st->tidx.last.life)
				st->life = st->tidx.last.life;
			tidx_close(&st->tidx);
		}
	}
	if (row->life.life)
		runs_begin(st, &row->life, true);
	recover(st);
	if (st->size && st->file >= 0)
		rotate_first_byte(st);
}

/* A spawner that finds the run gone publishes the row once more: do we know how it ended? */
static void follow_run(struct stream *st, const struct pt_life *life)
{
	struct pt_exit box;

	if (!end_look(life, &st->run, &box))
		return;
	(void)pt_put_exit(st->lg->pt, st->slot, &box);
	(void)bell_ring_kept(&st->lg->home, ROLE_SPAWNER, &st->lg->spawner_bell);
}

static void begin_error(struct stream *st, const struct pt_row *row)
{
	uint64_t marked = 0;

	st->err = make(st->lg, st->slot, row, st, &marked);
	if (!st->err) {
		st->life_version = UINT64_MAX; /* looked at again */
		return;
	}
	st->log.base_bytes += st->err->size + st->err->shelf.rotated_bytes +
		st->err->shelf.archived_bytes;
	publish_put(st);
	wake_up(st->err, row);
	drain_now(st->err);
}

static void begin(struct logger *lg, uint32_t slot, const struct pt_row *row, uint64_t version)
{
	uint64_t marked = 0, marked_err = 0;
	struct stream *st = make(lg, slot, row, NULL, &marked);

	if (!st)
		return;
	st->life_version = version;
	if (row->ident.separate_stderr && !(st->err = make(lg, slot, row, st, &marked_err)))
		st->life_version = UINT64_MAX; /* looked at again */
	publish_resume(st, &row->log, marked + marked_err);
	lg->by_slot[slot] = st;
	if (row->log.gen != st->log.gen)
		/* before the first byte moves: a successor would take what is on the disk for older
		 * than the row */
		publish_put(st);
	wake_up(st, row);
	if (st->err)
		wake_up(st->err, row);
	drain_now(st);
	if (st->err)
		drain_now(st->err);
	follow_run(st, &row->life);
}

static void end_one(struct stream *st)
{
	struct logger *lg = st->lg;
	char stem[STREAM_FILE_MAX];

	drain_rest(st);
	loop_timer_clear(lg->loop, &st->timer);
	loop_timer_clear(lg->loop, &st->age);
	close_fifo(st);
	stream_close_file(st);
	copy_close(lg->home.run_fd, stream_file_name(st, "", stem), st->copy);
	shelf_free(&st->shelf);
	free(st->trail);
}

/* Its row is gone, or this logger ends. */
static void end(struct logger *lg, uint32_t slot)
{
	struct stream *st = lg->by_slot[slot];

	lg->by_slot[slot] = NULL; /* first: nothing of it is given to a thread any more */
	if (st->err) {
		end_one(st->err);
		free(st->err);
		st->err = NULL;
	}
	end_one(st);
	pidref_done(&st->run);
	lg->orphans_due = true;
	free(st);
}

static void on_scan_timer(void *arg)
{
	stream_scan(arg);
}

void stream_begin(struct logger *lg)
{
	loop_timer_init(&lg->scan_timer, on_scan_timer, lg);
}

void stream_end_all(struct logger *lg)
{
	loop_timer_clear(lg->loop, &lg->scan_timer);
	/* those for which there was no descriptor get one of those that end before them */
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < lg->slots; i++)
			if (lg->by_slot[i] && (pass || lg->by_slot[i]->state != PT_LOG_BLOCKED))
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

/* The row changed: a new run may have come with a new FIFO, and after a change of segments the slot
 * may be another's. */
static void look_again(struct stream *st, const struct pt_row *row, uint64_t version)
{
	struct logger *lg = st->lg;

	if (strcmp(st->name, row->ident.name) != 0) {
		end(lg, row->slot);
		begin(lg, row->slot, row, version);
		return;
	}
	st->life_version = version;
	for (struct stream *s = st; s; s = s->err)
		lend_settle(s);
	follow_run(st, &row->life);
	take_limits(st, &row->ident);
	if (row->ident.separate_stderr && !st->err)
		begin_error(st, row);
	for (struct stream *s = st; s; s = s->err) {
		if (s != st)
			take_limits(s, &row->ident);
		runs_begin(s, &row->life, false);
		if (fifo_is_right(s, &row->life))
			continue;
		if (s->fifo >= 0) {
			drain_rest(s);
			close_fifo(s);
		}
		note_run(s, &row->life);
		drain_now(s);
	}
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
		say(SAY_WARNING, "row %u of the process table can't be read: %s", slot,
			strerror(-r));
		scan_later(lg);
		return;
	}
	if (st)
		look_again(st, &row, version);
	else
		begin(lg, slot, &row, version);
}

/* All that end come before all that begin: a process that was removed and added again may lie in a
 * lower slot, and writes to the same file. */
void stream_scan(struct logger *lg)
{
	uint32_t high = pt_high(lg->pt);

	for (uint32_t i = 0; i < lg->slots; i++)
		if (lg->by_slot[i] && lg->by_slot[i]->log.gen != pt_gen(lg->pt, i))
			end(lg, i);
	if (need_slots(lg, high)) {
		say(SAY_ERROR, "no memory for %u streams, tried again in a second", high);
		scan_later(lg);
		return;
	}
	for (uint32_t i = 0; i < high; i++)
		look_at(lg, i);
	if (lg->orphans_due && lg->total_bytes)
		orphans_find(lg, catalog(lg));
	lg->orphans_due = false;
	if (lg->catalog_read) {
		catalog_free(&lg->catalog);
		lg->catalog_read = false;
		shelf_pump(lg);
	}
}
