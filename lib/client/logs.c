/* client/logs.c - logs as entries (client/logs.h). */
#include "client/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "client/logname.h"
#include "logread/follow.h"
#include "logread/format.h"

/* so many entries are copied before they are handed out: what comes faster waits in its file */
#define BATCH	    256u
#define BATCH_BYTES (256u << 10)

struct copy { /* of an entry; its text lies in the queue */
	struct logs_entry entry;
	char name[256];
	char *text;
};

struct queue { /* first in, first out; empty again before more is put in */
	struct copy *list;
	size_t n, room, next;
	size_t bytes;
};

struct logs {
	struct logs_query q;
	int dirfd;
	bool all;		 /* also those that come into being */
	struct log_place *place; /* stems are malloc'ed */
	size_t n;
	struct merge *past; /* what was there at the beginning; NULL: it was handed out */
	bool reading;	    /* forward, out of past */
	struct follow *follow;
	struct queue queue;
	bool lost; /* no memory for an entry */
	char name[256];
};

static void queue_empty(struct queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		free(q->list[i].text);
	q->n = q->next = q->bytes = 0;
}

static struct logs_entry entry_of(const struct log_entry *e, char name[static 256])
{
	return (struct logs_entry){ .name = logname_process(e->stem, name),
		.err = strstr(e->stem, LOG_ERR_MARK) != NULL,
		.time_ns = e->time_ns,
		.level = e->level,
		.text = e->text,
		.len = e->len,
		.whole = e->has_end };
}

static bool queue_add(struct queue *q, const struct log_entry *e)
{
	struct copy *c;

	if (q->n == q->room) {
		size_t room = q->room ? 2 * q->room : 64;
		struct copy *more = reallocarray(q->list, room, sizeof(*more));

		if (!more)
			return false;
		q->list = more;
		q->room = room;
	}
	c = &q->list[q->n];
	c->text = malloc(e->len + 1);
	if (!c->text)
		return false;
	memcpy(c->text, e->text, e->len);
	c->text[e->len] = 0;
	c->entry = entry_of(e, c->name);
	q->n++;
	q->bytes += e->len;
	return true;
}

/* The copy may have moved within the list since it was made. */
static bool queue_take(struct queue *q, struct logs_entry *ret)
{
	struct copy *c;

	if (q->next == q->n)
		return false;
	c = &q->list[q->next++];
	*ret = c->entry;
	ret->text = c->text;
	ret->name = c->name;
	return true;
}

static bool come(void *arg, const struct log_entry *e)
{
	struct logs *l = arg;

	l->lost = l->lost || !queue_add(&l->queue, e);
	return !l->lost && l->queue.n < BATCH && l->queue.bytes < BATCH_BYTES;
}

static bool has_place(const struct logs *l, const char *stem)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->place[i].stem, stem) == 0)
			return true;
	return false;
}

static int add_place(struct logs *l, const char *stem)
{
	struct log_place *more;
	char *copy;

	if (has_place(l, stem))
		return 0;
	more = reallocarray(l->place, l->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->place = more;
	copy = strdup(stem);
	if (!copy)
		return -ENOMEM;
	more[l->n++] = (struct log_place){ .dirfd = l->dirfd, .stem = copy };
	return 0;
}

static int add_named(struct logs *l, const char *name)
{
	char err[NAME_MAX_BYTES + sizeof(LOG_ERR_MARK)];
	int r = add_place(l, name);

	if (r == 0 && (size_t)snprintf(err, sizeof(err), "%s" LOG_ERR_MARK, name) < sizeof(err))
		r = add_place(l, err);
	return r;
}

static int add_all(struct logs *l)
{
	char **stems;
	size_t n;
	int r = segments_stems(l->dirfd, true, &stems, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_place(l, stems[i]);
	segments_stems_free(stems, n);
	return r;
}

/* Copies the newest, the oldest of them first. */
static int take_newest(struct logs *l, struct fault *f)
{
	struct log_entry e;
	int r = 0;

	while (l->queue.n < l->q.newest && (r = merge_read(l->past, &e, f)) == 1) {
		if (l->q.follow && e.grows)
			continue; /* it is left to who follows */
		if (!queue_add(&l->queue, &e))
			return fault_set(f, -ENOMEM, "out of memory");
	}
	for (size_t i = 0, k = l->queue.n; i + 1 < k; i++) {
		struct copy c = l->queue.list[i];

		l->queue.list[i] = l->queue.list[--k];
		l->queue.list[k] = c;
	}
	return r < 0 ? r : 0;
}

/* Behind the places that past has seen. */
static int begin_follow(struct logs *l, struct fault *f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++)
		if (!follow_has(l->follow, &l->place[i]))
			r = follow_add(l->follow, &l->place[i],
				l->past ? merge_stream(l->past, i) : NULL, f);
	merge_close(l->past);
	l->past = NULL;
	return r;
}

static int open_past(struct logs *l, struct fault *f)
{
	enum stream_way way = l->q.newest ? STREAM_BACKWARD : STREAM_FORWARD;
	int r = merge_open(l->place, l->n, way, &l->q.match, &l->q.complain, &l->past, f);

	if (r < 0)
		return r;
	l->reading = l->q.newest == 0;
	if (!l->reading && l->q.newest != LOGS_NONE)
		r = take_newest(l, f);
	if (r == 0 && l->q.follow && !l->reading)
		r = begin_follow(l, f);
	return r;
}

static int open_all(
	struct logs *l, const struct home *h, char *const *name, size_t n, struct fault *f)
{
	int r = 0;

	if (h->logs_fd < 0)
		return fault_set(f, -ENOENT, "%s has no logs yet", h->path);
	l->dirfd = fcntl(h->logs_fd, F_DUPFD_CLOEXEC, 3);
	if (l->dirfd < 0)
		return fault_errno(f, -errno, "cannot read the logs of %s", h->path);
	if (l->q.follow) {
		r = follow_open(&l->q.match, &l->q.complain, come, l, &l->follow, f);
		/* before the list is made: what comes in between is heard of */
		if (r == 0)
			r = follow_watch(l->follow, l->dirfd, f);
		if (r < 0)
			return r;
	}
	l->all = n == 0;
	r = l->all ? add_all(l) : 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_named(l, name[i]);
	return r < 0 ? fault_errno(f, r, "cannot list the logs of %s", h->path) : open_past(l, f);
}

int logs_open(const struct home *h, char *const *name, size_t n, const struct logs_query *q,
	struct logs **ret, struct fault *f)
{
	struct logs *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return fault_set(f, -ENOMEM, "cannot read the logs: out of memory");
	l->q = *q;
	l->dirfd = -1;
	r = open_all(l, h, name, n, f);
	if (r < 0) {
		logs_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

/* 1: *ret is one of what was there. 0: that was all. */
static int read_past(struct logs *l, struct logs_entry *ret, struct fault *f)
{
	struct log_entry e;
	int r;

	do
		r = merge_read(l->past, &e, f);
	while (r == 1 && l->q.follow && e.grows);
	if (r == 1)
		*ret = entry_of(&e, l->name);
	if (r != 0)
		return r;
	l->reading = false;
	return l->q.follow ? begin_follow(l, f) : 0;
}

/* Fill the queue with what has come. */
static int look(struct logs *l, struct fault *f)
{
	bool names;
	int r = follow_changes(l->follow, &names);

	if (r < 0)
		return fault_errno(f, r, "following");
	if (names && l->all && (r = add_all(l)) < 0)
		return fault_errno(f, r, "cannot list the logs");
	if (names && l->all && (r = begin_follow(l, f)) < 0)
		return r;
	r = follow_drain(l->follow);
	if (l->lost)
		return fault_set(f, -ENOMEM, "out of memory");
	return r < 0 ? fault_errno(f, r, "following") : 0;
}

int logs_next(struct logs *l, struct logs_entry *ret, struct fault *f)
{
	int r;

	if (queue_take(&l->queue, ret))
		return 1;
	queue_empty(&l->queue);
	if (l->reading && (r = read_past(l, ret, f)) != 0)
		return r;
	if (!l->follow)
		return 0;
	r = look(l, f);
	return r < 0 ? r : queue_take(&l->queue, ret);
}

int logs_fd(const struct logs *l)
{
	return l->follow ? follow_fd(l->follow) : -1;
}

void logs_close(struct logs *l)
{
	if (!l)
		return;
	merge_close(l->past);
	follow_close(l->follow);
	queue_empty(&l->queue);
	free(l->queue.list);
	for (size_t i = 0; i < l->n; i++)
		free((char *)(uintptr_t)l->place[i].stem);
	free(l->place);
	io_close(&l->dirfd);
	free(l);
}
