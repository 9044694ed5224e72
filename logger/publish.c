/*
 * logger/publish.c - the log blocks of the table.
 *
 * A block is written after every drain: that is some stores and no system call, and naps bound how often it happens.
 * So nothing is ever left unpublished, and there is no timer for it.
 */
#include "logger/publish.h"

#include <errno.h>
#include <string.h>

#include "base/say.h"
#include "base/str.h"
#include "shm/events.h"
#include "shm/owner.h"

void publish_put(struct stream *st)
{
	(void)pt_put_log(
		st->lg->pt, st->slot, &st->log); /* a slot beyond a smaller, newer table: nothing to tell there */
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
	struct pt_event ev = {
		.kind = PT_EVENT_LOG, .slot = st->slot, .gen = st->log.gen, .from = (uint8_t)from, .to = (uint8_t)to
	};

	ev.value = (uint64_t)-error;
	(void)str_copy(ev.name, sizeof(ev.name), st->name);
	pt_event_add(st->lg->pt, &ev);
	if (!error)
		say(SAY_INFO, "%s: its output is written to logs/%s.log again", st->name, st->name);
	else if (st->fifo < 0)
		say(SAY_ERROR, "%s: its output pipe run/%s.out can't be used, tried again every second: %s", st->name,
			st->name, strerror(-error));
	else
		say(SAY_ERROR,
			"%s: its output waits in the pipe, for logs/%s.log can't be written, tried again every "
			"second: %s%s",
			st->name, st->name, strerror(-error),
			error == -EINVAL ? " (not a regular file, or its file system can't splice)" : "");
}

void publish_state(struct stream *st, enum pt_log_state state, int error)
{
	enum pt_log_state from = st->log.state;
	bool changed = state != from || -error != st->log.error;

	if (changed && (state == PT_LOG_BLOCKED || (from == PT_LOG_BLOCKED && state == PT_LOG_OPEN)))
		tell(st, from, state, error);
	st->log.state = (uint8_t)state;
	st->log.error = -error;
	publish_put(st);
	if (changed)
		pt_changed(st->lg->pt);
}

/* What an earlier logger moved but was killed before counting is what the file has grown by. */
void publish_resume(struct stream *st, const struct pt_log *found, uint64_t file_bytes)
{
	if (found->gen == st->log.gen) {
		st->log = *found;
		if (file_bytes > found->file_bytes)
			st->log.captured_bytes += file_bytes - found->file_bytes;
	}
	st->log.file_bytes = file_bytes;
}
