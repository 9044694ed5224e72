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
#include "logger/stream.h"
#include "logread/format.h"

#define RETRY_NS (10 * NS_PER_SEC)

void shelf_init(struct shelf *sh, struct logger *lg, struct stream *st, const char *base)
{
	memset(sh, 0, sizeof(*sh));
	sh->lg = lg;
	sh->st = st;
	sh->base = base;
}

void shelf_free(struct shelf *sh)
{
	if (sh->lg && sh->lg->archiver.shelf == sh)
		sh->lg->archiver.shelf = NULL;
	if (sh->lg && sh->lg->remover.shelf == sh)
		sh->lg->remover.shelf = NULL;
	free(sh->files);
	sh->files = NULL;
	sh->n = sh->room = 0;
}

uint64_t shelf_disk(const struct shelf *sh)
{
	return sh->rotated_bytes + sh->archive_file_bytes;
}

static struct shelf *shelf_at(struct logger *lg, size_t i)
{
	struct stream *st;

	if (i == 0)
		return &lg->own;
	if (i > 2 * (size_t)lg->slots)
		return lg->orphans[i - 1 - 2 * (size_t)lg->slots];
	st = lg->by_slot[(i - 1) / 2];
	if (!st || (i - 1) % 2 == 0)
		return st ? &st->shelf : NULL;
	return st->err ? &st->err->shelf : NULL;
}

static size_t shelf_count(const struct logger *lg)
{
	return 1 + 2 * (size_t)lg->slots + lg->orphans_n;
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

/* --- rotation --- */

int shelf_rotate(struct shelf *sh, int log_fd, uint32_t *ret_number)
{
	int dirfd = sh->lg->home.logs_fd;
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];
	uint32_t number = sh->last_number + 1;
	struct shelf_file *f;
	struct stat sb;

	if (number > LOG_NUMBER_MAX)
		return -EOVERFLOW;
	if (fstat(log_fd, &sb) < 0)
		return -errno;
	f = shelf_add(sh, number);
	if (!f)
		return -ENOMEM;
	if (renameat2(dirfd, sh->base, dirfd, log_file_name(sh->base, number, "", to), RENAME_NOREPLACE) < 0) {
		int r = -errno;

		sh->n--;
		if (r != -EEXIST) /* else somebody made a file of this name: take the next one */
			sh->last_number--;
		return r;
	}
	(void)snprintf(from, sizeof(from), "%.80s.idx", sh->base);
	(void)renameat(dirfd, from, dirfd, log_file_name(sh->base, number, ".idx", to));
	f->raw_bytes = f->file_bytes = (uint64_t)sb.st_size;
	f->last_real_ns = clock_real_ns();
	sh->rotated_bytes += f->raw_bytes;
	*ret_number = number;
	return 0;
}

/* --- retention --- */

static const struct shelf_file *oldest(const struct shelf *sh)
{
	for (size_t i = 0; i < sh->n; i++)
		if (sh->files[i].state != SHELF_MARKED)
			return &sh->files[i];
	return NULL;
}

static struct shelf *sibling(const struct shelf *sh)
{
	if (!sh->st)
		return NULL;
	if (sh->st->main != sh->st)
		return &sh->st->main->shelf;
	return sh->st->err ? &sh->st->err->shelf : NULL;
}

/* Its limit on bytes is for both files of a process; the older goes first. */
static bool over_bytes(const struct shelf *sh, const struct shelf_file *f)
{
	const struct shelf *other = sibling(sh);
	const struct shelf_file *theirs = other ? oldest(other) : NULL;

	if (!sh->keep_bytes || shelf_disk(sh) + (other ? shelf_disk(other) : 0) <= sh->keep_bytes)
		return false;
	return !theirs || theirs->last_real_ns >= f->last_real_ns;
}

static bool is_due(const struct shelf *sh, const struct shelf_file *f, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < sh->n; i++)
		kept += sh->files[i].state != SHELF_MARKED;
	return (sh->keep_files && kept > sh->keep_files) || over_bytes(sh, f) ||
	       (sh->keep_age_s && f->last_real_ns + sh->keep_age_s * NS_PER_SEC <= now);
}

/* Over all: the oldest of all, if everything together is too much. */
static struct shelf *over_total(struct logger *lg)
{
	const struct shelf_file *first = NULL;
	struct shelf *ret = NULL;
	uint64_t sum = 0;

	if (!lg->total_bytes)
		return NULL;
	for (size_t i = 0; i < shelf_count(lg); i++) {
		struct shelf *sh = shelf_at(lg, i);
		const struct shelf_file *f = sh ? oldest(sh) : NULL;

		if (!sh)
			continue;
		sum += shelf_disk(sh) + (sh->st ? sh->st->size : 0);
		if (f && (!first || f->last_real_ns < first->last_real_ns)) {
			first = f;
			ret = sh;
		}
	}
	return sum > lg->total_bytes ? ret : NULL;
}

static void wake_at(struct logger *lg, uint64_t boot_ns)
{
	if (!lg->keep_timer.at_boot_ns || boot_ns < lg->keep_timer.at_boot_ns)
		(void)loop_timer_set(lg->loop, &lg->keep_timer, boot_ns);
}

static void give(struct keeper *k, struct shelf *sh, struct shelf_file *f, enum job_kind kind)
{
	int r = 0;

	k->job = (struct job){ .kind = kind, .number = f->number, .archived = f->state == SHELF_ARCHIVED };
	(void)str_copy(k->job.base, sizeof(k->job.base), sh->base);
	k->job.sums.raw_bytes = f->raw_bytes;
	k->job.sums.lines = f->lines;
	k->job.dirfd = fcntl(sh->lg->home.logs_fd, F_DUPFD_CLOEXEC, 0); /* the folder may be made again meanwhile */
	if (k->job.dirfd < 0)
		r = -errno;
	else if ((r = worker_go(&k->worker)))
		io_close(&k->job.dirfd);
	if (r) {
		say(SAY_WARNING, "can't work on logs/%s.%09u: %s", sh->base, f->number, strerror(-r));
		sh->retry_boot_ns = clock_boot_ns() + RETRY_NS;
		wake_at(sh->lg, sh->retry_boot_ns);
		return;
	}
	f->busy = true;
	k->shelf = sh;
}

/* The next file of this shelf to delete, if any. A file that is being compressed is let go first. */
static bool remove_from(struct logger *lg, struct shelf *sh, bool forced, uint64_t now)
{
	struct shelf_file *f = NULL;

	for (size_t i = 0; i < sh->n; i++)
		if (sh->files[i].state == SHELF_MARKED && !sh->files[i].busy) {
			give(&lg->remover, sh, &sh->files[i], JOB_UNLINK);
			return lg->remover.worker.busy;
		}
	for (size_t i = 0; i < sh->n && !f; i++)
		if (sh->files[i].state != SHELF_MARKED)
			f = &sh->files[i];
	if (!f || !(forced || is_due(sh, f, now)))
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
	struct shelf *over;
	size_t n = shelf_count(lg);

	if (lg->remover.worker.busy)
		return;
	for (size_t k = 0; k < n; k++) {
		struct shelf *sh = shelf_at(lg, (lg->remove_next + k) % n);

		if (!sh || !sh->n || sh->retry_boot_ns > boot)
			continue;
		if (remove_from(lg, sh, false, now)) {
			lg->remove_next = (lg->remove_next + k + 1) % n;
			return;
		}
	}
	over = over_total(lg);
	if (over && over->retry_boot_ns <= boot)
		(void)remove_from(lg, over, true, now);
}

/* The oldest raw file of the next shelf that has one, so that a flood holds up nobody else's archives. */
static void pump_archiver(struct logger *lg, uint64_t now, uint64_t boot)
{
	size_t n = shelf_count(lg);

	if (lg->archiver.worker.busy)
		return;
	for (size_t k = 0; k < n; k++) {
		struct shelf *sh = shelf_at(lg, (lg->archive_next + k) % n);

		for (size_t i = 0; sh && i < sh->n && sh->retry_boot_ns <= boot; i++) {
			struct shelf_file *f = &sh->files[i];

			if (f->state != SHELF_RAW || f->busy || (f == oldest(sh) && is_due(sh, f, now)))
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
		const struct shelf_file *f = sh ? oldest(sh) : NULL;

		if (sh && sh->n && sh->retry_boot_ns > boot)
			wake_at(lg, sh->retry_boot_ns);
		else if (f && sh->keep_age_s && !f->busy && f->last_real_ns + sh->keep_age_s * NS_PER_SEC > now)
			wake_at(lg, boot + (f->last_real_ns + sh->keep_age_s * NS_PER_SEC - now) + NS_PER_MS);
	}
}

void shelf_pump(struct logger *lg)
{
	uint64_t now = clock_real_ns(), boot = clock_boot_ns();

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
	say(SAY_WARNING, "can't %s logs/%s.%09u, tried again in 10 s: %s", j->kind == JOB_ARCHIVE ? "compress" : "delete", j->base,
	    j->number, j->fault.text);
	sh->retry_boot_ns = clock_boot_ns() + RETRY_NS;
}

/* The thread is done: the file with which all went well, or NULL: it failed, which was dealt with, or its shelf is gone. */
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
	keeper_end(&lg->archiver);
	keeper_end(&lg->remover);
	loop_timer_clear(lg->loop, &lg->keep_timer);
}
