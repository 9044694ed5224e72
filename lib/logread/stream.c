/*
 * logread/stream.c - one log as a row of matching lines (logread/stream.h).
 *
 * Both directions work chunk by chunk, and within a chunk always forward: what matches is noted,
 * then handed out from one end or the other.
 */
#include "logread/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "logread/chunk.h"

/* whoever wants the last lines mostly wants few; doubled with each chunk */
#define WANT_FIRST (16u << 10)
#define WANT_MOST  (256u << 10)
#define WANT_LOOK  (64u << 10)
#define TOO_OLD	   4 /* segments */
#define LOOK_BACK  2 /* chunks that are searched for the entry that a line continues */

struct ref {
	uint32_t at, len;
	enum log_level level;
	uint64_t time_ns, arrival_ns;
};

struct state { /* of the entry at work */
	bool known;
	enum log_level level;
	uint64_t time_ns;
};

struct stream {
	const char *stem;
	enum stream_way way;
	const struct log_query *q;
	const struct log_complain *c;
	struct segments segs;
	size_t first; /* segments in front of it are too old */
	size_t seg;   /* forward: at work; backward: at work + 1 */
	bool entered; /* position and bounds are of segs.list[...] */
	uint64_t at, low, high;
	size_t want;	/* bytes of a raw file to read next */
	uint32_t group; /* of blocks: candidates holds for it; UINT32_MAX: none yet */
	uint64_t candidates;
	struct chunk chunk, back;
	struct ref *refs;
	size_t n, room, next; /* next: handed out already */
	struct state carry;
};

bool stream_matches(const struct log_query *q, const struct log_entry *e)
{
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)e->len };
	uint64_t when = e->arrival_ns ? e->arrival_ns : e->time_ns;

	if (e->level < q->min_level || (q->since_ns && when < q->since_ns) ||
		(q->until_ns && when > q->until_ns))
		return false;
	if (q->text && !memmem(e->text, e->len, q->text, q->text_len))
		return false;
	return !q->regex || regexec(q->regex, e->text, 0, &m, REG_STARTEND) == 0;
}

/* The raw offsets between which lines can match. False: none can. Clocks may step back: what counts
 * is the first entry that is late enough, and the last that is early enough. */
static bool bounds(const struct stream *s, const struct segment *g, uint64_t *low, uint64_t *high)
{
	const struct log_query *q = s->q;
	const struct tidx_entry *e = g->times.entries;
	size_t n = g->times.n, first = 0, last = n;

	*low = 0;
	*high = g->bytes;
	if (n == 0)
		return q->life == 0;
	while (first < n &&
		(e[first].real_ns < q->since_ns || (q->life && e[first].life != q->life)))
		first++;
	while (last > 0 &&
		((q->until_ns && e[last - 1].real_ns > q->until_ns) ||
			(q->life && e[last - 1].life != q->life)))
		last--;
	if (first > 0 || q->life)
		*low = first < n	      ? e[first].offset
			: g->times.damaged_at ? e[n - 1].offset
					      : g->bytes;
	if (last < n)
		*high = e[last].offset;
	return *low < *high;
}

static struct segment *current(struct stream *s)
{
	return &s->segs.list[s->way == STREAM_FORWARD ? s->seg : s->seg - 1];
}

static bool more_segments(const struct stream *s)
{
	return s->way == STREAM_FORWARD ? s->seg < s->segs.n : s->seg > s->first;
}

static void leave_segment(struct stream *s)
{
	s->entered = false;
	segment_leave(current(s));
	s->seg += s->way == STREAM_FORWARD ? 1 : (size_t)-1;
}

/* Go to where the segment's first chunk of interest is. 1; 0: nothing in it; -errno: it could not
 * be looked at. */
static int enter_segment(struct stream *s)
{
	struct segment *g = current(s);
	uint64_t last = s->q->since_ns ? segment_last_ns(g) : 0;
	int r;

	if (last && last < s->q->since_ns)
		return 0;
	r = segment_ready(g, s->c);
	if (r < 0)
		return segment_wants(r) ? r : 0;
	if (!bounds(s, g, &s->low, &s->high))
		return 0;
	s->carry.known = s->carry.known && s->low == 0;
	if (!g->indexed) {
		s->low = chunk_line_start(g, s->low);
		/* a line that begins in front of it belongs to it as a whole */
		if (s->high < g->bytes)
			s->high = chunk_line_end(g, s->high - 1);
	}
	s->at = s->way == STREAM_FORWARD ? s->low : s->high;
	s->group = UINT32_MAX;
	s->entered = true;
	return 1;
}

static bool block_may_match(struct stream *s, const struct segment *g, uint32_t i)
{
	const struct archive_block *b = &g->index.blocks[i];
	uint32_t below = (1u << s->q->min_level) - 1;
	struct fault f;

	if (b->levels && (b->levels & ~below) == 0)
		return false;
	if (!s->q->text)
		return true;
	if (s->group != i / FILTER_BLOCKS) {
		s->group = i / FILTER_BLOCKS;
		if (archive_index_candidates(g->fd, &g->index, s->group, s->q->text, s->q->text_len,
			    &s->candidates, &f) < 0)
			log_complain(s->c, g->name, &f);
	}
	return s->candidates >> i % FILTER_BLOCKS & 1;
}

/* Step over blocks that can't match. */
static void skip_blocks(struct stream *s, const struct segment *g)
{
	uint32_t i;

	if (!g->indexed)
		return;
	if (s->way == STREAM_FORWARD) {
		for (i = chunk_block_at(g, s->at);
			i < g->index.head.blocks && !block_may_match(s, g, i); i++) {
			s->carry.known = false;
			s->at = g->index.blocks[i].raw_offset + g->index.blocks[i].raw_bytes;
		}
		return;
	}
	while (s->at > 0 && !block_may_match(s, g, i = chunk_block_at(g, s->at - 1)))
		s->at = g->index.blocks[i].raw_offset;
}

/* The last entry of a chunk that begins in it. */
static bool last_entry(const struct chunk *c, uint64_t near_ns, struct state *ret)
{
	const char *end = c->buf + c->len, *start;
	struct log_line line;

	while (end > c->buf) {
		start = end - c->buf > 1 ? memrchr(c->buf, '\n', (size_t)(end - c->buf - 1)) : NULL;
		start = start ? start + 1 : c->buf;
		parse_line(start, (size_t)(end - start), near_ns, &line);
		if (line.level != LOG_LEVEL_NONE) {
			*ret = (struct state){
				.known = true, .level = line.level, .time_ns = line.real_ns
			};
			return true;
		}
		end = start;
	}
	return false;
}

/* Whoever reads backward gets to the segments in front of this one, and is told of damage then;
 * others leave them again. */
static bool comes_next(const struct stream *s, const struct segment *g)
{
	return s->way == STREAM_BACKWARD && g >= s->segs.list + s->first;
}

/* The last entry that begins in front of at in segs.list[from]. A file ends at a line end, not at
 * the end of an entry, so it may lie in the file before. */
static struct state entry_before(struct stream *s, size_t from, uint64_t at, bool reading)
{
	struct state ret = { .known = true, .level = LOG_LEVEL_INFO };
	size_t i = from;
	struct fault f;

	for (unsigned looks = 0; looks < LOOK_BACK; looks++) {
		while (at == 0 && i > 0) {
			struct segment *before = &s->segs.list[--i];

			at = segment_ready(
				     before, reading && comes_next(s, before) ? s->c : NULL) == 0
				? before->bytes
				: 0;
		}
		if (chunk_backward(&s->segs.list[i], at, WANT_LOOK, &s->back, &f) != 1 ||
			last_entry(&s->back, clock_real_ns(), &ret))
			break;
		at = s->back.offset;
	}
	for (; i < from; i++)
		if (!reading || !comes_next(s, &s->segs.list[i]))
			segment_leave(&s->segs.list[i]);
	return ret;
}

/* What the first lines of the chunk at work continue. */
static void look_back(struct stream *s, const struct segment *g)
{
	s->carry = entry_before(s, (size_t)(g - s->segs.list), s->chunk.offset, true);
}

enum log_level stream_level_at(struct stream *s, size_t segment, uint64_t at)
{
	return entry_before(s, segment, at, false).level;
}

static int add_ref(struct stream *s, const struct ref *r)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct ref *more = realloc(s->refs, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->refs = more;
		s->room = room;
	}
	s->refs[s->n++] = *r;
	return 0;
}

/* The entry that the line at p continues; *ret is the one that holds at seen, if that is known. */
static void find_entry(struct stream *s, const struct segment *g, const char *seen, const char *p,
	struct state *ret)
{
	struct chunk between = { .buf = s->chunk.buf + (seen - s->chunk.buf),
		.len = (size_t)(p - seen) };

	if (last_entry(&between, clock_real_ns(), ret) || ret->known)
		return;
	if (!s->carry.known)
		look_back(s, g);
	*ret = s->carry;
}

static void arrived(const struct stream *s, const struct segment *g, const char *p,
	uint64_t *arrival, uint32_t *life)
{
	const struct tidx_entry *t = g->times.n
		? tidx_at(&g->times, s->chunk.offset + (uint64_t)(p - s->chunk.buf))
		: NULL;

	*arrival = t ? t->real_ns : 0;
	*life = t ? t->life : 0;
}

/* A chunk of a raw file may reach further than the bounds; in which direction it was read must make
 * no difference. */
static bool in_bounds(const struct stream *s, const struct segment *g, const char *p)
{
	uint64_t at = s->chunk.offset + (uint64_t)(p - s->chunk.buf);

	return g->indexed || (at >= s->low && at < s->high);
}

/* Which byte of the text is rarest at the chunk's beginning: memchr() for that is several times as
 * fast as memmem() for the whole. */
static size_t rarest(const struct chunk *c, const char *text, size_t len)
{
	uint32_t seen[256] = { 0 };
	size_t best = 0;

	for (size_t i = 0; i < c->len && i < 4096; i++)
		seen[(unsigned char)c->buf[i]]++;
	for (size_t i = 1; i < len; i++)
		if (seen[(unsigned char)text[i]] < seen[(unsigned char)text[best]])
			best = i;
	return best;
}

static const char *find_text(
	const char *p, const char *end, const struct log_query *q, size_t anchor)
{
	size_t behind = q->text_len - anchor - 1;
	const char *at = p + anchor;

	if ((size_t)(end - p) < q->text_len)
		return NULL;
	while (at < end - behind &&
		(at = memchr(at, q->text[anchor], (size_t)(end - behind - at)))) {
		if (memcmp(at - anchor, q->text, q->text_len) == 0)
			return at - anchor;
		at++;
	}
	return NULL;
}

/* Where the time index is damaged, a line that says no time itself may be of any since the last
 * known one: it is shown rather than hidden, and the damage was told. */
static bool matches(const struct stream *s, const struct segment *g, const struct log_entry *e)
{
	const struct tidx *t = &g->times;
	struct log_query q = *s->q;

	if (!t->damaged_at || t->n == 0 || e->arrival_ns || e->time_ns)
		return stream_matches(s->q, e);
	if (q.until_ns && t->entries[t->n - 1].real_ns > q.until_ns)
		return false;
	q.since_ns = q.until_ns = 0;
	return stream_matches(&q, e);
}

/* The lines of the chunk that match. With a text only those that contain it are looked at. */
static int note_lines(struct stream *s, const struct segment *g)
{
	/* seen: state is what holds there */
	const char *p = s->chunk.buf, *end = p + s->chunk.len, *seen = p, *nl;
	const struct log_query *q = s->q;
	struct state state = s->carry;
	uint64_t now = clock_real_ns();
	size_t anchor = q->text ? rarest(&s->chunk, q->text, q->text_len) : 0;
	int r = 0;

	s->n = s->next = 0;
	for (; r == 0 && p < end; p = nl ? nl + 1 : end) {
		struct log_entry e = { 0 };
		uint32_t life;

		if (q->text) {
			const char *hit = find_text(p, end, q, anchor), *start;

			if (!hit)
				break;
			start = hit > p ? memrchr(p, '\n', (size_t)(hit - p)) : NULL;
			p = start ? start + 1 : p;
		}
		nl = memchr(p, '\n', (size_t)(end - p));
		e.text = p;
		e.len = (size_t)((nl ? nl : end) - p);
		arrived(s, g, p, &e.arrival_ns, &life);
		parse_line(p, e.len, e.arrival_ns ? e.arrival_ns : now, &e.parsed);
		if (e.parsed.level != LOG_LEVEL_NONE)
			state = (struct state){ .known = true,
				.level = e.parsed.level,
				.time_ns = e.parsed.real_ns ? e.parsed.real_ns : e.arrival_ns };
		else if (p > seen || !state.known)
			find_entry(s, g, seen, p, &state);
		seen = nl ? nl + 1 : end;
		e.level = state.level;
		e.time_ns = state.time_ns ? state.time_ns : e.arrival_ns;
		if (in_bounds(s, g, p) && (!q->life || life == q->life) && matches(s, g, &e))
			r = add_ref(s,
				&(struct ref){ .at = (uint32_t)(p - s->chunk.buf),
					.len = (uint32_t)e.len,
					.level = e.level,
					.time_ns = e.time_ns,
					.arrival_ns = e.arrival_ns });
	}
	s->carry = state;
	s->carry.known = s->carry.known && s->way == STREAM_FORWARD && !q->text;
	return r;
}

/* Fill refs from the next chunk. 1; 0: this segment is done; -errno. */
static int next_chunk(struct stream *s, struct fault *f)
{
	struct segment *g = current(s);
	int r;

	skip_blocks(s, g);
	if (s->way == STREAM_FORWARD ? s->at >= s->high : s->at <= s->low)
		return 0;
	r = s->way == STREAM_FORWARD ? chunk_forward(g, s->at, s->want, &s->chunk, f)
				     : chunk_backward(g, s->at, s->want, &s->chunk, f);
	s->want = s->want < WANT_MOST ? s->want * 2 : s->want;
	s->n = s->next = 0;
	if (r == -ENOMEM || r == 0)
		return r;
	if (r < 0)
		log_complain(s->c, g->name, f);
	if (r < 0 && !g->indexed)
		return 0; /* reading failed; there is nothing to step over */
	s->at = s->way == STREAM_FORWARD ? s->chunk.offset + s->chunk.len : s->chunk.offset;
	if (r < 0) {
		s->carry.known = false;
		return 1;
	}
	if (s->way == STREAM_BACKWARD)
		s->carry.known = false;
	r = note_lines(s, g);
	return r < 0 ? fault_errno(f, r, "reading %s", g->name) : 1;
}

int stream_read(struct stream *s, struct log_entry *ret, struct fault *f)
{
	int r;

	while (s->next == s->n) {
		if (!more_segments(s))
			return 0;
		r = s->entered ? 1 : enter_segment(s);
		if (r < 0)
			return fault_errno(f, r, "%s can't be read", current(s)->name);
		if (r == 0) {
			leave_segment(s);
			continue;
		}
		r = next_chunk(s, f);
		if (r < 0)
			return r;
		if (r == 0)
			leave_segment(s);
	}
	const struct ref *ref = &s->refs[s->way == STREAM_FORWARD ? s->next : s->n - 1 - s->next];
	s->next++;
	*ret = (struct log_entry){ .text = s->chunk.buf + ref->at,
		.len = ref->len,
		.level = ref->level,
		.time_ns = ref->time_ns,
		.arrival_ns = ref->arrival_ns,
		.offset = s->chunk.offset + ref->at,
		.stem = s->stem };
	ret->has_end = ref->at + ref->len < s->chunk.len;
	ret->grows = !ret->has_end && current(s)->number == UINT32_MAX;
	parse_line(ret->text, ret->len, ret->arrival_ns ? ret->arrival_ns : clock_real_ns(),
		&ret->parsed);
	return 1;
}

void stream_spare(struct stream *s)
{
	const struct segment *at_work = s->entered ? current(s) : NULL;

	for (size_t i = 0; i < s->segs.n; i++)
		if (&s->segs.list[i] != at_work)
			segment_leave(&s->segs.list[i]);
}

struct segments *stream_segments(struct stream *s)
{
	return &s->segs;
}

/* Segments are looked at from the newest on, so that a long history costs no more than a short one.
 * Clocks may step back: some must be too old one after the other. */
static size_t first_segment(struct stream *s)
{
	size_t first = s->segs.n;

	for (size_t i = s->segs.n, old = 0; s->q->since_ns && i-- > 0 && old < TOO_OLD;) {
		uint64_t last = segment_last_ns(&s->segs.list[i]);

		old = last && last < s->q->since_ns ? old + 1 : 0;
		first = old ? first : i;
	}
	return s->q->since_ns ? first : 0;
}

int stream_open(int dirfd, const char *stem, uint32_t above, enum stream_way way,
	const struct log_query *q, const struct log_complain *c, struct stream **ret,
	struct fault *f)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault_errno(f, -ENOMEM, "reading the log of %s", stem);
	s->stem = stem;
	s->way = way;
	s->q = q;
	s->c = c;
	s->want = way == STREAM_FORWARD ? WANT_MOST : WANT_FIRST;
	r = segments_open(dirfd, stem, above,
		way == STREAM_BACKWARD || q->since_ns ? SEGMENTS_LAZY : SEGMENTS_OPEN, c, &s->segs,
		f);
	if (r < 0) {
		free(s);
		return r;
	}
	s->first = first_segment(s);
	s->seg = way == STREAM_FORWARD ? s->first : s->segs.n;
	*ret = s;
	return 0;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	segments_close(&s->segs);
	free(s->chunk.buf);
	free(s->back.buf);
	free(s->refs);
	free(s);
}
