/* logread/merge.c - many logs as one row of lines (logread/merge.h). */
#include "logread/merge.h"

#include <errno.h>
#include <stdlib.h>

struct source {
	struct stream *stream;
	struct log_entry head;
	uint64_t key;
	bool has;
};

struct merge {
	enum stream_way way;
	struct source *list;
	size_t n, last; /* last: who gave the line before, and so must be asked for its next */
	bool ask;
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

/* Ties go to who gave the line before, so that an entry stays together. */
static bool before(const struct merge *m, const struct source *a, const struct source *b)
{
	if (a->key != b->key)
		return m->way == STREAM_FORWARD ? a->key < b->key : a->key > b->key;
	return m->ask && a == &m->list[m->last];
}

int merge_read(struct merge *m, struct log_entry *ret, struct fault *f)
{
	struct source *best = NULL;
	int r = m->ask ? advance(m, &m->list[m->last], f) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].has && (!best || before(m, &m->list[i], best)))
			best = &m->list[i];
	if (!best)
		return 0;
	m->last = (size_t)(best - m->list);
	m->ask = true;
	*ret = best->head;
	return 1;
}

int merge_open(const struct log_place *places, size_t n, enum stream_way way, const struct log_query *q, const struct log_complain *c, struct merge **ret,
	struct fault *f)
{
	struct merge *m = calloc(1, sizeof(*m));
	int r = 0;

	if (m)
		m->list = calloc(n + 1, sizeof(*m->list));
	if (!m || !m->list) {
		free(m);
		return fault_set(f, -ENOMEM, "out of memory");
	}
	m->way = way;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct source *s = &m->list[i];
		struct fault why;

		m->n = i + 1;
		r = stream_open(places[i].dirfd, places[i].stem, 0, way, q, c, &s->stream, &why);
		if (spare(m, r))
			r = stream_open(places[i].dirfd, places[i].stem, 0, way, q, c, &s->stream, &why);
		if (r == 0) {
			r = advance(m, s, f);
		} else if (segment_wants(r)) {
			fault_set(f, r, "%s", why.text); /* the log is whole: lines that are left out would not be missed */
		} else {
			log_complain(c, places[i].stem, &why);
			r = 0;
		}
	}
	if (r < 0) {
		merge_close(m);
		return r;
	}
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
	free(m->list);
	free(m);
}
