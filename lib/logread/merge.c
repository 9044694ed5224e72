/* logread/merge.c - many logs as one row of lines (logread/merge.h). */
#include "logread/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"

struct source {
	struct stream *stream;
	const char *label;
	struct log_entry head;
	uint64_t key;
	bool has;
};

struct merge {
	enum stream_way way;
	struct source *list;
	size_t n;
	struct source **heap; /* those that have a line, the next one first */
	size_t heap_n;
	bool ask; /* heap[0] gave the line before, and so must be asked for its next */
};

/* Descriptors do not suffice: those that are open ahead of their turn are given back. */
static bool spare(struct merge *m, int error)
{
	if (error != -EMFILE && error != -ENFILE)
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].stream)
			stream_spare(m->list[i].stream);
	return true;
}

static int advance(struct merge *m, struct source *s, struct fault *f)
{
	uint64_t before = s->key;
	int r = stream_read(s->stream, &s->head, f);

	if (spare(m, r))
		r = stream_read(s->stream, &s->head, f);
	if (r < 0)
		return r;
	s->has = r == 1;
	s->key = s->head.arrival_ns ? s->head.arrival_ns : s->head.time_ns;
	if (s->key == 0)
		s->key = before; /* stays beside its neighbour */
	return 0;
}

/* -1: a's line comes first, 1: b's, 0: they tie. */
static int by_key(const struct merge *m, const struct source *a, const struct source *b)
{
	int r = a->key < b->key ? -1 : a->key > b->key;

	return m->way == STREAM_FORWARD ? r : -r;
}

static bool before(const struct merge *m, const struct source *a, const struct source *b)
{
	int r = by_key(m, a, b);

	return r < 0 || (r == 0 && a < b);
}

static size_t child(const struct merge *m, size_t i)
{
	size_t left = 2 * i + 1;

	return left + 1 < m->heap_n && before(m, m->heap[left + 1], m->heap[left]) ? left + 1
										   : left;
}

/* heap[i] may have to stand further down. */
static void sink(struct merge *m, size_t i)
{
	struct source *s = m->heap[i];

	for (size_t next = child(m, i); next < m->heap_n && before(m, m->heap[next], s);
		next = child(m, i)) {
		m->heap[i] = m->heap[next];
		i = next;
	}
	m->heap[i] = s;
}

/* The next line of who gave the one before. Ties go to it, so that an entry stays together. */
static int go_on(struct merge *m, struct fault *f)
{
	int r = advance(m, m->heap[0], f);
	size_t next;

	if (r < 0)
		return r;
	if (!m->heap[0]->has)
		m->heap[0] = m->heap[--m->heap_n];
	else if ((next = child(m, 0)) >= m->heap_n || by_key(m, m->heap[next], m->heap[0]) >= 0)
		return 0;
	if (m->heap_n)
		sink(m, 0);
	return 0;
}

int merge_read(struct merge *m, struct log_entry *ret, struct fault *f)
{
	int r = m->ask ? go_on(m, f) : 0;

	if (r < 0)
		return r;
	m->ask = m->heap_n > 0;
	if (!m->ask)
		return 0;
	*ret = m->heap[0]->head;
	if (m->heap[0]->label)
		ret->stem = m->heap[0]->label;
	return 1;
}

static void build(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].has)
			m->heap[m->heap_n++] = &m->list[i];
	for (size_t i = m->heap_n / 2; i-- > 0;)
		sink(m, i);
}

/* Where lines at the end of a log that say no time, and of which nobody knows it, have their
 * place. */
static uint64_t changed_ns(struct stream *s)
{
	const struct segments *segs = stream_segments(s);
	struct stat st;

	if (segs->n == 0 || segs->list[segs->n - 1].fd < 0 ||
		fstat(segs->list[segs->n - 1].fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * NS_PER_SEC + (uint64_t)st.st_mtim.tv_nsec;
}

int merge_open(const struct log_place *places, size_t n, enum stream_way way,
	const struct log_query *q, const struct log_complain *c, struct merge **ret,
	struct fault *f)
{
	struct merge *m = calloc(1, sizeof(*m));
	int r = 0;

	if (m) {
		m->list = calloc(n + 1, sizeof(*m->list));
		m->heap = calloc(n + 1, sizeof(struct source *));
	}
	if (!m || !m->list || !m->heap) {
		merge_close(m);
		return fault_set(f, -ENOMEM, "out of memory");
	}
	m->way = way;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct source *s = &m->list[i];
		struct fault why;

		m->n = i + 1;
		r = stream_open(places[i].dirfd, places[i].stem, 0, way, q, c, &s->stream, &why);
		if (spare(m, r))
			r = stream_open(
				places[i].dirfd, places[i].stem, 0, way, q, c, &s->stream, &why);
		s->label = places[i].label;
		if (r == 0) {
			s->key = way == STREAM_BACKWARD ? changed_ns(s->stream) : 0;
			r = advance(m, s, f);
		} else if (segment_wants(r)) {
			/* the log is whole: lines that are left out would not be missed */
			fault_set(f, r, "%s", why.text);
		} else {
			log_complain(c, places[i].stem, &why);
			r = 0;
		}
	}
	if (r < 0) {
		merge_close(m);
		return r;
	}
	build(m);
	*ret = m;
	return 0;
}

struct stream *merge_stream(struct merge *m, size_t i)
{
	return i < m->n ? m->list[i].stream : NULL;
}

void merge_close(struct merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		stream_close(m->list[i].stream);
	free(m->heap);
	free(m->list);
	free(m);
}
