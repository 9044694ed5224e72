/*
 * logger/runs.c - which bytes were written by which run of a process.
 *
 * Just before a run begins, the spawner looks how much of earlier runs still lies in the pipe
 * (pipe_left) and notes the time. So the run's first byte is the one behind as many bytes as had
 * been moved by that time, and pipe_left more. We hear of the run later: what was moved meanwhile
 * is found in a short memory of our moves. Runs that have passed by then are found in the spawner's
 * events.
 */
#include "logger/runs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/role.h"
#include "base/say.h"
#include "logger/file.h"
#include "shm/events.h"

#define RECALL_LOOKS 1024u /* events: far more than happen between two looks of ours */

static void index_failed(struct stream *st, int r)
{
	st->tidx.failed = true;
	if (!st->tidx_told)
		say(SAY_WARNING,
			"%s: the time index logs/%s.idx can't be written, its lines get no time of arrival: %s",
			st->name, st->shelf.base, strerror(-r));
	st->tidx_told = true;
}

/* The index open, or false. */
static bool need_index(struct stream *st, uint64_t at)
{
	char name[LOG_NAME_MAX];
	int r;

	if (st->tidx.failed || st->tidx.fd >= 0)
		return !st->tidx.failed;
	(void)snprintf(name, sizeof(name), "%.80s.idx", st->shelf.base);
	r = tidx_open(&st->tidx, st->lg->home.logs_fd, name, st->file, at);
	if (r == -EMFILE || r == -ENFILE) {
		file_spare(st);
		r = tidx_open(&st->tidx, st->lg->home.logs_fd, name, st->file, at);
	}
	if (r) {
		index_failed(st, r);
		return false;
	}
	/* What an earlier logger moved last, and was killed before it could note it. */
	if (st->unnoted < at && st->tidx.bytes > sizeof(struct tidx_head) &&
		st->unnoted > st->tidx.last.offset)
		(void)tidx_note(&st->tidx, st->unnoted, clock_real_ns(), st->tidx.last.life);
	st->unnoted = UINT64_MAX;
	return true;
}

static bool need_trail(struct stream *st)
{
	if (!st->trail)
		st->trail = calloc(1, sizeof(*st->trail));
	return st->trail != NULL;
}

/* The next run whose first byte is still to come, or NULL. */
static const struct bound *next_bound(const struct stream *st)
{
	return st->trail && st->trail->bounds_n ? &st->trail->bounds[0] : NULL;
}

static void pass_bound(struct stream *st)
{
	struct trail *t = st->trail;

	st->life = t->bounds[0].life;
	memmove(t->bounds, t->bounds + 1, --t->bounds_n * sizeof(t->bounds[0]));
}

static void remember(struct stream *st, uint64_t before, uint64_t end_boot_ns)
{
	struct moved *m;

	if (!need_trail(st))
		return; /* a run's beginning may then be told a drain too early */
	m = &st->trail->moves[st->trail->moves_n++ % STREAM_MOVES];
	m->end_boot_ns = end_boot_ns;
	m->before = before;
}

void runs_moved(struct stream *st, uint64_t at, uint64_t bytes, uint64_t end_boot_ns)
{
	uint64_t before = st->moved, now = clock_real_ns();
	int r = 0;

	remember(st, before, end_boot_ns);
	st->moved += bytes;
	bool index = need_index(st, at);
	const struct bound *next;
	while ((next = next_bound(st)) && next->at <= before)
		pass_bound(st);
	if (index)
		r = tidx_note(&st->tidx, at, now, st->life);
	while ((next = next_bound(st)) && next->at < st->moved) {
		uint64_t behind = next->at - before;

		pass_bound(st);
		if (index && !r)
			r = tidx_note(&st->tidx, at + behind, now, st->life);
	}
	if (r)
		index_failed(st, r);
}

/* Bytes moved by the time. */
static uint64_t moved_by(const struct stream *st, uint64_t boot_ns)
{
	uint64_t ret = st->moved;
	const struct trail *t = st->trail;
	uint32_t n = !t ? 0 : t->moves_n < STREAM_MOVES ? t->moves_n : STREAM_MOVES;

	for (uint32_t i = 1; i <= n; i++) {
		const struct moved *m = &t->moves[(t->moves_n - i) % STREAM_MOVES];

		if (m->end_boot_ns <= boot_ns)
			break;
		ret = m->before;
	}
	return ret;
}

/* Its first bytes are in a file already. */
static void relabel(struct stream *st, uint64_t back, uint32_t life)
{
	uint64_t at = back < st->size ? st->size - back : 0;
	int r;

	if (st->file < 0 || !need_index(st, st->size))
		return;
	r = tidx_relabel(&st->tidx, at, life);
	if (r)
		index_failed(st, r);
}

struct run {
	uint32_t life;
	uint32_t left;		/* bytes of earlier runs that lay in the pipe */
	uint64_t start_boot_ns; /* when that was looked at, just before it began */
	uint64_t start_real_ns;
};

static void begin_one(struct stream *st, const struct run *run, bool resumed)
{
	struct trail *t = st->trail;
	uint64_t at = moved_by(st, run->start_boot_ns) + run->left;

	if (resumed && st->main->log.last_real_ns > run->start_real_ns)
		/* an earlier logger moved bytes of this run, or perhaps of the one before: from
		 * here on it is this one */
		at = st->moved;
	/* it is the next byte's run; nothing is allocated for a process that never writes */
	if (at <= st->moved && !(t && t->bounds_n)) {
		st->life = run->life;
		if (at < st->moved)
			relabel(st, st->moved - at, run->life);
		return;
	}
	if (!need_trail(st)) {
		st->life = run->life;
		return;
	}
	t = st->trail;
	/* the last ones count: whoever asks asks for the run before this one */
	if (t->bounds_n == STREAM_BOUNDS)
		memmove(t->bounds, t->bounds + 1, --t->bounds_n * sizeof(t->bounds[0]));
	t->bounds[t->bounds_n++] = (struct bound){ .at = at, .life = run->life };
}

/* The last n runs of this row in front of the one that began at before_boot_ns, the newest first;
 * returns how many the events still tell of. */
static uint32_t recall(
	const struct stream *st, uint64_t before_boot_ns, struct run *runs, uint32_t n)
{
	const struct pt *pt = st->lg->pt;
	uint64_t pos = pt_event_head(pt, ROLE_SPAWNER), tail = pt_event_tail(pt, ROLE_SPAWNER);
	uint32_t found = 0;
	struct pt_event ev;

	for (unsigned looks = 0; found < n && pos > tail && looks < RECALL_LOOKS; looks++) {
		uint64_t age;

		if (pt_event_read(pt, ROLE_SPAWNER, --pos, &ev) < 0 || ev.kind != PT_EVENT_STATE ||
			ev.reason != PT_REASON_LAUNCHED || ev.slot != st->slot ||
			ev.gen != st->main->log.gen)
			continue;
		age = (uint64_t)(ev.wait_status > 0 ? ev.wait_status : 0);
		if (ev.boot_ns - age >= before_boot_ns)
			continue;
		runs[found++] = (struct run){ .left = (uint32_t)(st->main == st ? ev.value
										: ev.value >> 32),
			.start_boot_ns = ev.boot_ns - age,
			.start_real_ns = ev.real_ns - age };
	}
	return found;
}

void runs_begin(struct stream *st, const struct pt_life *life, bool resumed)
{
	const struct trail *t = st->trail;
	uint32_t last = t && t->bounds_n ? t->bounds[t->bounds_n - 1].life : st->life, missed = 0;
	struct run run[STREAM_BOUNDS];

	if (resumed && !st->main->log.last_real_ns)
		last = 0; /* whatever the index says is of another row: runs are counted anew */
	else if (life->life == st->life || life->life == last)
		return;
	if (life->life > last + 1) { /* so short that they passed before we looked */
		missed = life->life - last - 1 < STREAM_BOUNDS ? life->life - last - 1
							       : STREAM_BOUNDS;
		missed = recall(st, life->start_boot_ns, run, missed);
	}
	while (missed-- > 0) {
		run[missed].life = life->life - missed - 1;
		begin_one(st, &run[missed], resumed);
	}
	run[0] = (struct run){ .life = life->life,
		.left = st->main == st ? life->pipe_left : life->pipe_left_err,
		.start_boot_ns = life->start_boot_ns,
		.start_real_ns = life->start_real_ns };
	begin_one(st, &run[0], resumed);
}
