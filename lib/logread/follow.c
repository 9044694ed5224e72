/*
 * logread/follow.c - logs as they grow (logread/follow.h).
 *
 * The file that is read stays open under whatever name. When its name shows another file, what is
 * open is read to its end (nothing is added to a rotated file), then the files with numbers that
 * were not there before, then the new one.
 */
#include "logread/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "logread/chunk.h"
#include "logread/pieces.h"

#define PIECE (64u << 10)

struct tail {
	int dirfd;
	char *stem, *label;
	struct segment held; /* fd -1: there was no file yet */
	uint64_t offset;
	uint64_t looked; /* up to there is no line end behind offset */
	uint32_t number; /* the highest that was seen */
	enum log_level level;
	uint64_t time_ns;
	/* what came between the file that was held and the one that has the name now, and how far
	 * it was handed out */
	bool moving;
	struct segments between;
	size_t at;
	uint64_t at_offset;
	uint32_t ours; /* the number that the held file has got, perhaps; 0: none was held */
};

struct follow {
	const struct log_query *q;
	const struct log_complain *c;
	follow_fn *fn;
	void *arg;
	int inotify;
	struct tail *tails;
	size_t n;
	struct chunk chunk;
	bool stopped; /* fn said so */
};

int follow_open(const struct log_query *q, const struct log_complain *c, follow_fn *fn, void *arg,
	struct follow **ret, struct fault *f)
{
	struct follow *w = calloc(1, sizeof(*w));

	if (!w)
		return fault_errno(f, -ENOMEM, "following");
	*w = (struct follow){ .q = q, .c = c, .fn = fn, .arg = arg };
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->inotify < 0) {
		int r = fault_errno(f, -errno, "following");

		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void follow_close(struct follow *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++) {
		io_close(&w->tails[i].held.fd);
		segments_close(&w->tails[i].between);
		free(w->tails[i].stem);
		free(w->tails[i].label);
	}
	free(w->tails);
	free(w->chunk.buf);
	io_close(&w->inotify);
	free(w);
}

static const char *label_of(const struct log_place *place)
{
	return place->label ? place->label : place->stem;
}

bool follow_has(const struct follow *w, const struct log_place *place)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->tails[i].label, label_of(place)) == 0)
			return true;
	return false;
}

int follow_watch(struct follow *w, int dirfd, struct fault *f)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (inotify_add_watch(w->inotify, path,
		    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			    IN_CLOSE_WRITE) < 0)
		return fault_errno(f, -errno, "watching the folder of logs");
	return 0;
}

int follow_add(struct follow *w, const struct log_place *place, struct stream *s, struct fault *f)
{
	struct tail *more = realloc(w->tails, (w->n + 1) * sizeof(*more)), *t;
	struct segments *segs = s ? stream_segments(s) : NULL;

	if (!more)
		return fault_errno(f, -ENOMEM, "following");
	w->tails = more;
	t = &more[w->n];
	*t = (struct tail){ .dirfd = place->dirfd,
		.stem = strdup(place->stem),
		.label = strdup(label_of(place)),
		.held = { .fd = -1 },
		.level = LOG_LEVEL_INFO };
	w->n++;
	if (!t->stem || !t->label)
		return fault_errno(f, -ENOMEM, "following");
	for (size_t i = 0; segs && i < segs->n; i++) {
		const struct segment *g = &segs->list[i];

		if (g->number != UINT32_MAX) {
			t->number = g->number;
			continue;
		}
		t->held.fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 3);
		if (t->held.fd < 0)
			return fault_errno(f, -errno, "following %s", place->stem);
		t->held.inode = g->inode;
		t->offset = chunk_line_start(g, g->bytes);
		t->level = stream_level_at(s, i, t->offset);
	}
	return follow_watch(w, place->dirfd, f);
}

/* The lines of the chunk, until fn says stop; the last without its end only if final. Returns the
 * bytes used up. */
static int64_t hand_out(struct follow *w, struct tail *t, bool final)
{
	const char *p = w->chunk.buf, *end = p + w->chunk.len, *nl;
	uint64_t now = clock_real_ns();

	for (; p < end; p = nl ? nl + 1 : end) {
		struct log_entry e = { .text = p,
			.arrival_ns = now,
			.stem = t->label,
			.offset = w->chunk.offset + (uint64_t)(p - w->chunk.buf) };

		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl && !final)
			break;
		e.len = (size_t)((nl ? nl : end) - p);
		e.has_end = nl != NULL;
		parse_line(p, e.len, now, &e.parsed);
		if (e.parsed.level != LOG_LEVEL_NONE) {
			t->level = e.parsed.level;
			t->time_ns = e.parsed.real_ns ? e.parsed.real_ns : now;
		}
		e.level = t->level;
		e.time_ns = t->time_ns ? t->time_ns : now;
		if (stream_matches(w->q, &e) && !w->fn(w->arg, &e)) {
			w->stopped = true;
			return (nl ? nl + 1 : end) - w->chunk.buf;
		}
	}
	return p - w->chunk.buf;
}

/* Everything of g from *offset on. 0, 1: stop. */
static int drain_segment(
	struct follow *w, struct tail *t, const struct segment *g, uint64_t *offset, bool final)
{
	struct fault f;
	int r;

	while ((r = chunk_forward(g, *offset, PIECE, &w->chunk, &f)) != 0) {
		int64_t used;

		if (r < 0)
			log_complain(w->c, g->name ? g->name : t->stem, &f);
		if (r < 0 && !g->indexed)
			return 0;
		used = r < 0 ? (int64_t)w->chunk.len
			     : hand_out(w, t, final || w->chunk.len >= CHUNK_MAX);
		*offset = w->chunk.offset + (uint64_t)used;
		if (w->stopped)
			return 1;
		if (used == 0)
			return 0;
	}
	return 0;
}

/* Is there a line to hand out? A line that grows by and by is not read again from its beginning
 * each time. */
static bool worth_reading(struct tail *t)
{
	char piece[16384];
	ssize_t n = 1;

	t->looked = t->looked > t->offset ? t->looked : t->offset;
	while (t->looked < t->held.bytes && t->looked - t->offset < CHUNK_MAX) {
		n = piece_read_some(t->held.fd, piece, sizeof(piece), t->looked);
		if (n <= 0 || memchr(piece, '\n', (size_t)n))
			break;
		t->looked += (uint64_t)n;
	}
	return t->looked < t->held.bytes && n > 0;
}

static int drain_held(struct follow *w, struct tail *t, bool final)
{
	struct stat st;

	if (t->held.fd < 0 || fstat(t->held.fd, &st) < 0)
		return 0;
	t->held.bytes = (uint64_t)st.st_size;
	if (t->held.bytes < t->offset)
		t->offset = t->looked = 0; /* someone truncated it */
	return final || worth_reading(t) ? drain_segment(w, t, &t->held, &t->offset, final) : 0;
}

/* One of the files with a name, in the order of their numbers; the one without comes last. */
static int move_to(struct follow *w, struct tail *t, struct segment *g)
{
	if (g->number == UINT32_MAX) {
		io_close(&t->held.fd);
		t->held.fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 3);
		t->held.inode = g->inode;
		t->offset = t->looked = 0;
		t->ours = 0;
		return 0;
	}
	if (g->number == 0)
		/* an archive without a number is somebody else's, of what was there before */
		return 0;
	t->number = g->number;
	if (g->inode == t->held.inode || segment_ready(g, w->c) < 0)
		return 0;
	if (g->number == t->ours && g->archive && !(g->indexed && g->bytes != t->held.bytes))
		return 0;
	return drain_segment(w, t, g, &t->at_offset, true);
}

/* The name shows another file: read what came between, and take up the new one. Goes on where fn
 * has stopped it. */
static int move_on(struct follow *w, struct tail *t)
{
	struct fault f;
	int r;

	if (!t->moving) {
		r = drain_held(w, t, true);
		if (r)
			return r;
		if (segments_open(t->dirfd, t->stem, t->number, SEGMENTS_OPEN, w->c, &t->between,
			    &f) < 0) {
			log_complain(w->c, t->stem, &f);
			return 0;
		}
		t->moving = true;
		t->ours = t->held.fd >= 0 ? t->number + 1 : 0;
		t->at = 0;
		t->at_offset = 0;
	}
	/* The first new number is the file that was held, unless that was removed or replaced: then
	 * none has its inode, or it is an archive of another size. */
	for (; t->at < t->between.n; t->at++, t->at_offset = 0) {
		r = move_to(w, t, &t->between.list[t->at]);
		if (r)
			return r;
	}
	if (t->ours) /* there is no current file at this moment */
		io_close(&t->held.fd);
	segments_close(&t->between);
	t->moving = false;
	return drain_held(w, t, false);
}

int follow_drain(struct follow *w)
{
	w->stopped = false;
	for (size_t i = 0; i < w->n; i++) {
		struct tail *t = &w->tails[i];
		char name[300];
		struct stat st;
		int r;

		snprintf(name, sizeof(name), "%s" LOG_SUFFIX, t->stem);
		if (t->moving ||
			(fstatat(t->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				(t->held.fd < 0 || st.st_ino != t->held.inode)))
			r = move_on(w, t);
		else
			r = drain_held(w, t, false);
		if (r)
			return r;
	}
	return 0;
}

int follow_fd(const struct follow *w)
{
	return w->inotify;
}

int follow_changes(struct follow *w, bool *ret_names)
{
	char buf[16384] __attribute__((aligned(8)));
	ssize_t n = read(w->inotify, buf, sizeof(buf));

	*ret_names = false;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(void *)(buf + at);

		*ret_names = *ret_names || (e->mask & (IN_CREATE | IN_MOVED_TO | IN_Q_OVERFLOW));
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return 0;
}
