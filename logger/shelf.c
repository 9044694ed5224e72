/* logger/shelf.c - rotation by rename, archives, retention (logger/shelf.h). */
#define _GNU_SOURCE 1
#include "logger/shelf.h"

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
#include "logger/publish.h"
#include "logger/logger.h"
#include "logread/format.h"

#define RETRY_NS (10 * NS_PER_SEC)

void shelf_init(struct shelf *sh, struct logger *lg, struct stream *st, const char *base)
{
	memset(sh, 0, sizeof(*sh));
	sh->lg = lg;
	sh->st = st;
	sh->base = base;
}

/* Its thread is awaited, one sync of a file at most: whoever loads a shelf of this name next must
 * find files that nobody changes. */
static void take_from(struct keeper *k, const struct shelf *sh)
{
	if (k->shelf != sh)
		return;
	k->shelf = NULL;
	atomic_store(&k->worker.stop, true);
	worker_settle(&k->worker);
}

void shelf_free(struct shelf *sh)
{
	if (sh->lg) {
		take_from(&sh->lg->archiver, sh);
		take_from(&sh->lg->remover, sh);
	}
	free(sh->files);
	sh->files = NULL;
	sh->n = sh->room = 0;
}

struct shelf *shelf_at(struct logger *lg, size_t i)
{
	struct stream *st;

	if (i == 0)
		return &lg->own;
	if (i > 2 * (size_t)lg->slots)
		return lg->leftlogs[i - 1 - 2 * (size_t)lg->slots];
	st = lg->by_slot[(i - 1) / 2];
	if (!st || (i - 1) % 2 == 0)
		return st ? &st->shelf : NULL;
	return st->err ? &st->err->shelf : NULL;
}

size_t shelf_count(const struct logger *lg)
{
	return 1 + 2 * (size_t)lg->slots + lg->leftlogs_n;
}

static struct shelf_file *find(struct shelf *sh, uint32_t number)
{
	for (size_t i = 0; i < sh->n; i++)
		if (sh->files[i].number == number)
			return &sh->files[i];
	return NULL;
}

static void forget(struct shelf *sh, struct shelf_file *f)
{
	size_t i = (size_t)(f - sh->files);

	memmove(f, f + 1, (sh->n - i - 1) * sizeof(*f));
	sh->n--;
}

static void uncount(struct shelf *sh, const struct shelf_file *f)
{
	if (f->state == SHELF_RAW)
		sh->rotated_bytes -= f->raw_bytes;
	if (f->state != SHELF_ARCHIVED)
		return;
	sh->archived_bytes -= f->raw_bytes;
	sh->archived_lines -= f->lines;
	sh->archive_file_bytes -= f->file_bytes;
	sh->archives--;
}

static void publish(struct shelf *sh)
{
	if (sh->st)
		publish_put(sh->st);
}

/* --- what the threads are given --- */

static void wake_at(struct logger *lg, uint64_t boot_ns)
{
	if (!lg->keep_timer.at_boot_ns || boot_ns < lg->keep_timer.at_boot_ns)
		(void)loop_timer_set(lg->loop, &lg->keep_timer, boot_ns);
}

static void give(struct keeper *k, struct shelf *sh, struct shelf_file *f, enum job_kind kind)
{
	int r = 0;

	k->job = (struct job){
		.kind = kind, .number = f->number, .archived = f->state == SHELF_ARCHIVED
	};
	(void)str_copy(k->job.base, sizeof(k->job.base), sh->base);
	k->job.sums.raw_bytes = f->raw_bytes;
	k->job.sums.lines = f->lines;
	/* the folder may be made again meanwhile */
	k->job.dirfd = fcntl(sh->lg->home.logs_fd, F_DUPFD_CLOEXEC, 0);
	if (k->job.dirfd < 0)
		r = -errno;
	else if ((r = worker_go(&k->worker)))
		io_close(&k->job.dirfd);
	if (r) {
		say(SAY_WARNING, "can't work on logs/%s.%09u: %s", sh->base, f->number,
			strerror(-r));
		sh->retry_boot_ns = clock_boot_ns() + RETRY_NS;
		wake_at(sh->lg, sh->retry_boot_ns);
		return;
	}
	f->busy = true;
	k->shelf = sh;
}

/* Begin to delete f, or what is marked already. A file that is being compressed is let go first. */
static bool remove_from(struct shelf *sh, struct shelf_file *f)
{
	struct logger *lg = sh->lg;

	for (size_t i = 0; i < sh->n; i++)
		if (sh->files[i].state == SHELF_MARKED && !sh->files[i].busy) {
			give(&lg->remover, sh, &sh->files[i], JOB_UNLINK);
			return lg->remover.worker.busy;
		}
	if (!f)
		return false;
	if (f->busy) {
		atomic_store(&lg->archiver.worker.stop, true);
		return false;
	}
	give(&lg->remover, sh, f, JOB_MARK);
	return lg->remover.worker.busy;
}

static void pump_remover(struct logger *lg, uint64_t now, uint64_t boot)
{
	size_t n = shelf_count(lg);
	struct shelf_file *f;
	struct shelf *over;

	if (lg->remover.worker.busy)
		return;
	for (size_t k = 0; k < n; k++) {
		struct shelf *sh = shelf_at(lg, (lg->remove_next + k) % n);

		if (!sh || !sh->n || sh->retry_boot_ns > boot)
			continue;
		if (remove_from(sh, retain_next(sh, now))) {
			lg->remove_next = (lg->remove_next + k + 1) % n;
			return;
		}
	}
	f = retain_of_all(lg, &over);
	if (f && over->retry_boot_ns <= boot)
		(void)remove_from(over, f);
}

/* The oldest raw file of the next shelf that has one, so that a flood holds up nobody else's
 * archives. */
static void pump_archiver(struct logger *lg, uint64_t now, uint64_t boot)
{
	size_t n = shelf_count(lg);

	if (lg->archiver.worker.busy)
		return;
	for (size_t k = 0; k < n; k++) {
		struct shelf *sh = shelf_at(lg, (lg->archive_next + k) % n);

		for (size_t i = 0; sh && i < sh->n && sh->retry_boot_ns <= boot; i++) {
			struct shelf_file *f = &sh->files[i];

			if (f->state != SHELF_RAW || f->busy || f == retain_next(sh, now))
				continue;
			give(&lg->archiver, sh, f, JOB_ARCHIVE);
			lg->archive_next = (lg->archive_next + k + 1) % n;
			return;
		}
	}
}

/* When the next file gets too old. */
static void arm_keep_timer(struct logger *lg, uint64_t now, uint64_t boot)
{
	for (size_t i = 0; i < shelf_count(lg); i++) {
		struct shelf *sh = shelf_at(lg, i);
		const struct shelf_file *f = sh ? retain_oldest(sh) : NULL;

		if (sh && sh->n && sh->retry_boot_ns > boot)
			wake_at(lg, sh->retry_boot_ns);
		else if (f && sh->keep_age_s && !f->busy &&
			f->last_real_ns + sh->keep_age_s * NS_PER_SEC > now)
			wake_at(lg,
				boot + (f->last_real_ns + sh->keep_age_s * NS_PER_SEC - now) +
					NS_PER_MS);
	}
}

void shelf_pump(struct logger *lg)
{
	uint64_t now = clock_real_ns(), boot = clock_boot_ns();

	if (lg->threads_ended)
		return;
	pump_remover(lg, now, boot);
	pump_archiver(lg, now, boot);
	arm_keep_timer(lg, now, boot);
}

/* --- what the threads did --- */

static void failed(struct shelf *sh, struct shelf_file *f, const struct job *j)
{
	if (j->error == -ECANCELED || j->error == -EAGAIN)
		return;
	if (j->error == -ENOENT) { /* somebody else removed it */
		uncount(sh, f);
		sh->gone_bytes += f->raw_bytes;
		forget(sh, f);
		publish(sh);
		return;
	}
	sh->stuck |= j->kind == JOB_ARCHIVE;
	say(SAY_WARNING, "can't %s logs/%s.%09u, tried again in 10 s: %s",
		j->kind == JOB_ARCHIVE ? "compress" : "delete", j->base, j->number, j->fault.text);
	sh->retry_boot_ns = clock_boot_ns() + RETRY_NS;
}

/* The thread is done: the file with which all went well, or NULL: it failed, which was dealt with,
 * or its shelf is gone. */
static struct shelf_file *take_back(struct keeper *k)
{
	struct shelf *sh = k->shelf;
	struct shelf_file *f = sh ? find(sh, k->job.number) : NULL;

	k->shelf = NULL;
	io_close(&k->job.dirfd);
	if (f)
		f->busy = false;
	if (!f || !k->job.error)
		return f;
	failed(sh, f, &k->job);
	return NULL;
}

static void on_archived(void *arg)
{
	struct keeper *k = arg;
	struct shelf *sh = k->shelf;
	struct shelf_file *f = take_back(k);

	if (f) {
		uncount(sh, f);
		sh->stuck = false;
		f->state = SHELF_ARCHIVED;
		f->file_bytes = k->job.sums.file_bytes;
		f->raw_bytes = k->job.sums.raw_bytes;
		f->lines = k->job.sums.lines;
		sh->archived_bytes += f->raw_bytes;
		sh->archived_lines += f->lines;
		sh->archive_file_bytes += f->file_bytes;
		sh->archives++;
		publish(sh);
	}
	shelf_pump(k->lg);
}

static void on_removed(void *arg)
{
	struct keeper *k = arg;
	struct shelf *sh = k->shelf;
	struct shelf_file *f = take_back(k);

	if (f && k->job.kind == JOB_UNLINK) {
		forget(sh, f);
	} else if (f) {
		uncount(sh, f);
		sh->deleted_bytes += f->raw_bytes;
		sh->deleted_lines += k->job.sums.lines;
		f->state = SHELF_MARKED;
		publish(sh); /* before the file goes: see shelf_load() */
	}
	shelf_pump(k->lg);
}

static void on_keep_timer(void *arg)
{
	shelf_pump(arg);
}

static void in_thread(void *arg, const _Atomic bool *stop)
{
	struct keeper *k = arg;

	job_carry_out(&k->job, stop);
}

static void keeper_init(struct keeper *k, struct logger *lg, const char *name, worker_done_fn *done)
{
	k->lg = lg;
	k->shelf = NULL;
	k->job.dirfd = -1;
	worker_init(&k->worker, lg->loop, name, in_thread, done, k);
}

static void keeper_end(struct keeper *k)
{
	worker_end(&k->worker);
	io_close(&k->job.dirfd);
}

void shelf_begin(struct logger *lg)
{
	keeper_init(&lg->archiver, lg, "archiver", on_archived);
	lg->archiver.worker.idle_priority = true;
	keeper_init(&lg->remover, lg, "remover", on_removed);
	loop_timer_init(&lg->keep_timer, on_keep_timer, lg);
}

void shelf_end(struct logger *lg)
{
	lg->threads_ended = true;
	keeper_end(&lg->archiver);
	keeper_end(&lg->remover);
	loop_timer_clear(lg->loop, &lg->keep_timer);
}
