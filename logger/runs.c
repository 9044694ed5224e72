/*
 * logger/runs.c - which bytes were written by which run of a process.
 *
 * Just before a run begins, the spawner looks how much of earlier runs still lies in the pipe (pipe_left) and notes the time. So the run's first byte is
 * the one behind as many bytes as had been moved by that time, and pipe_left more. We hear of the run later: what was moved meanwhile is found in a short
 * memory of our moves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/say.h"
#include "logger/stream.h"

static void index_failed(struct stream *st, int r)
{
	st->tidx.failed = true;
	if (!st->tidx_told)
		say(SAY_WARNING, "%s: the time index logs/%s.idx can't be written, its lines get no time of arrival: %s", st->name,
		    st->shelf.base, strerror(-r));
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
	if (r) {
		index_failed(st, r);
		return false;
	}
	/* What an earlier logger moved last, and was killed before it could note it. */
	if (st->unnoted < at && st->tidx.bytes > sizeof(struct tidx_head) && st->unnoted > st->tidx.last.offset)
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

void runs_begin(struct stream *st, const struct pt_life *life, bool resumed)
{
	struct trail *t = st->trail;
	bool waiting = t && t->bounds_n;
	uint64_t at;

	if (life->life == st->life || (waiting && t->bounds[t->bounds_n - 1].life == life->life))
		return;
	at = moved_by(st, life->start_boot_ns) + (st->main == st ? life->pipe_left : life->pipe_left_err);
	if (resumed && st->main->log.last_real_ns > life->start_real_ns)
		at = st->moved; /* an earlier logger moved bytes of this run, or perhaps of the one before: from here on it is this one */
	if (at <= st->moved && !waiting) { /* it is the next byte's run; nothing is allocated for a process that never writes */
		st->life = life->life;
		if (at < st->moved)
			relabel(st, st->moved - at, life->life);
		return;
	}
	if (!need_trail(st)) {
		st->life = life->life;
		return;
	}
	t = st->trail;
	if (t->bounds_n == STREAM_BOUNDS)
		t->bounds_n--;
	t->bounds[t->bounds_n++] = (struct bound){ .at = at, .life = life->life };
}
