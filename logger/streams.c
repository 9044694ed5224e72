/*
 * logger/streams.c - which streams there are: they come and go with the rows of the table.
 */
#define _GNU_SOURCE 1
#include "logger/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/ends.h"
#include "logger/copy.h"
#include "logger/drain.h"
#include "logger/fifo.h"
#include "logger/file.h"
#include "logger/leftlogs.h"
#include "logger/lend.h"
#include "logger/name.h"
#include "logger/publish.h"
#include "logger/rotate.h"
#include "logger/runs.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define SCAN_AGAIN_NS NS_PER_SEC

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

static uint64_t file_size(const struct stream *st)
{
	char name[NAME_FILE_MAX];
	struct stat sb;

	return fstatat(st->lg->home.logs_fd, name_of(st, ".log", name), &sb, AT_SYMLINK_NOFOLLOW) ==
				0 &&
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
	fifo_note_run(st, &row->life);
	loop_timer_init(&st->timer, on_timer, st);
	loop_timer_init(&st->age, on_age, st);
	st->size = file_size(st);
	(void)snprintf(
		st->texts + name_room, base_room, "%s%s.log", st->name, main ? LOG_ERR_MARK : "");
	leftlogs_claim(lg, st->texts + name_room);
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

	char stem[NAME_FILE_MAX];

	if (copy_find(st->lg->home.run_fd, name_of(st, "", stem), &st->copy) < 0 ||
		!copy_pending(st->copy))
		return;
	if (file_need(st, &size) < 0 || (n = copy_finish(st->copy, st->file, size)) < 0)
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
		char idx[NAME_FILE_MAX];

		r = file_need(st, &size);
		if (!r &&
			tidx_open(&st->tidx, st->lg->home.logs_fd, name_of(st, ".log.idx", idx),
				st->file, st->size) == 0) {
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
	char stem[NAME_FILE_MAX];

	drain_rest(st);
	loop_timer_clear(lg->loop, &st->timer);
	loop_timer_clear(lg->loop, &st->age);
	fifo_close(st);
	file_close(st);
	copy_close(lg->home.run_fd, name_of(st, "", stem), st->copy);
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
	lg->leftlogs_due = true;
	free(st);
}

static void on_scan_timer(void *arg)
{
	streams_scan(arg);
}

void streams_begin(struct logger *lg)
{
	loop_timer_init(&lg->scan_timer, on_scan_timer, lg);
}

void streams_end_all(struct logger *lg)
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

void streams_forget_versions(struct logger *lg)
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
			fifo_close(s);
		}
		fifo_note_run(s, &row->life);
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
void streams_scan(struct logger *lg)
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
	if (lg->leftlogs_due && lg->total_bytes)
		leftlogs_find(lg, catalog(lg));
	lg->leftlogs_due = false;
	if (lg->catalog_read) {
		catalog_free(&lg->catalog);
		lg->catalog_read = false;
		shelf_pump(lg);
	}
}
