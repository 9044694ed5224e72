/*
 * logger/publish.c - the log blocks of the table.
 *
 * A block is written after every drain: that is some stores and no system call, and naps bound how
 * often it happens. So nothing is ever left unpublished, and there is no timer for it.
 */
#include "logger/publish.h"

#include <errno.h>
#include <string.h>

#include "base/say.h"
#include "base/str.h"
#include "logger/name.h"
#include "shm/events.h"
#include "shm/owner.h"

/* The block tells of both streams of a process and of their shelves. */
static void compose(struct stream *main, struct pt_log *log)
{
	struct stream *err = main->err;
	uint64_t deleted = 0;

	log->rotated_bytes = log->archived_bytes = log->archived_lines = log->archive_file_bytes =
		0;
	log->archives = 0;
	for (struct stream *st = main; st; st = st->err) {
		struct shelf *sh = &st->shelf;

		log->rotated_bytes += sh->rotated_bytes;
		log->archived_bytes += sh->archived_bytes;
		log->archived_lines += sh->archived_lines;
		log->archive_file_bytes += sh->archive_file_bytes;
		log->archives += sh->archives;
		log->deleted_lines += sh->deleted_lines;
		log->gone_bytes += sh->gone_bytes;
		deleted += sh->deleted_bytes;
		sh->deleted_bytes = sh->deleted_lines = sh->gone_bytes = 0;
	}
	log->deleted_bytes += deleted;
	log->file_bytes = main->size;
	log->err_file_bytes = err ? err->size : 0;
	log->pipe_fill = main->pipe_fill;
	log->err_pipe_fill = err ? err->pipe_fill : 0;
	log->full_boot_ns = main->full_boot_ns;
	if (err && err->full_boot_ns &&
		(!log->full_boot_ns || err->full_boot_ns < log->full_boot_ns))
		log->full_boot_ns = err->full_boot_ns;
	log->full = log->full_boot_ns != 0;
	log->state = err && (err->state == PT_LOG_BLOCKED || main->state == PT_LOG_CLOSED)
		? err->state
		: main->state;
	log->error = err && err->error ? err->error : main->error;
	if (main->state == PT_LOG_BLOCKED) {
		log->state = main->state;
		log->error = main->error;
	}
}

void publish_put(struct stream *st)
{
	compose(st->main, &st->main->log);
	/* a slot beyond a smaller, newer table: nothing to tell there */
	(void)pt_put_log(st->lg->pt, st->slot, &st->main->log);
}

void publish_all(struct logger *lg)
{
	for (uint32_t i = 0; i < lg->slots; i++)
		if (lg->by_slot[i])
			publish_put(lg->by_slot[i]);
}

/* The event comes first: a logger killed between the two tells it once more, rather than never. */
static void tell(struct stream *st, enum pt_log_state from, enum pt_log_state to, int error)
{
	char pipe[NAME_FILE_MAX];
	struct pt_event ev = { .kind = PT_EVENT_LOG,
		.slot = st->slot,
		.gen = st->main->log.gen,
		.from = (uint8_t)from,
		.to = (uint8_t)to };

	ev.value = (uint64_t)-error;
	(void)str_copy(ev.name, sizeof(ev.name), st->name);
	pt_event_add(st->lg->pt, &ev);
	if (!error)
		say(SAY_INFO, "%s: its output is written to logs/%s again", st->name,
			st->shelf.base);
	else if (st->fifo < 0)
		say(SAY_ERROR,
			"%s: its output pipe run/%s can't be used, tried again every second: %s",
			st->name, name_of(st, HOME_OUT_FIFO, pipe), strerror(-error));
	else
		say(SAY_ERROR,
			"%s: its output waits in the pipe, for logs/%s can't be written, tried again every "
			"second: %s%s",
			st->name, st->shelf.base, strerror(-error),
			error == -EINVAL ? " (not a regular file)" : "");
}

void publish_state(struct stream *st, enum pt_log_state state, int error)
{
	enum pt_log_state from = st->state;
	bool changed = state != from || -error != st->error;

	if (changed &&
		(state == PT_LOG_BLOCKED || (from == PT_LOG_BLOCKED && state == PT_LOG_OPEN)))
		tell(st, from, state, error);
	st->state = (uint8_t)state;
	st->error = -error;
	publish_put(st);
	if (changed)
		pt_changed(st->lg->pt);
}

void publish_full(struct stream *st, int error)
{
	char pipe[NAME_FILE_MAX];
	struct pt_event ev = { .kind = PT_EVENT_LOG,
		.slot = st->slot,
		.gen = st->main->log.gen,
		.from = PT_LOG_BLOCKED,
		.to = PT_LOG_BLOCKED,
		.value = EAGAIN };

	(void)str_copy(ev.name, sizeof(ev.name), st->name);
	pt_event_add(st->lg->pt, &ev);
	say(SAY_WARNING,
		"%s: the pipe run/%s is full and the process waits when it writes, for logs/%s can't be written: %s",
		st->name, name_of(st, HOME_OUT_FIFO, pipe), st->shelf.base, strerror(-error));
	pt_changed(st->lg->pt);
}

/*
 * What an earlier logger did and was killed before publishing is the difference between the block
 * and the disk: base + captured = on the disk + deleted + gone. More on the disk: moved and not
 * counted. Less: files that retention had marked come first, the rest was taken by somebody else.
 */
void publish_resume(struct stream *st, const struct pt_log *found, uint64_t marked)
{
	struct pt_log *log = &st->log;
	uint64_t disk = 0, told, less, err_size = st->err ? st->err->size : 0;

	for (struct stream *s = st; s; s = s->err)
		disk += s->size + s->shelf.rotated_bytes + s->shelf.archived_bytes;
	if (found->gen != log->gen) {
		log->base_bytes = disk;
		return;
	}
	*log = *found;
	st->state = found->state;
	st->error = found->error;
	told = found->base_bytes + found->captured_bytes - found->deleted_bytes - found->gone_bytes;
	if (disk >= told) {
		uint64_t err_more = err_size > found->err_file_bytes
			? err_size - found->err_file_bytes
			: 0;

		log->captured_bytes += disk - told;
		log->err_captured_bytes += err_more < disk - told ? err_more : disk - told;
		return;
	}
	less = told - disk;
	if (marked && less >= marked) {
		log->deleted_bytes += marked;
		less -= marked;
	}
	log->gone_bytes += less;
}
