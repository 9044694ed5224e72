/*
 * logread/stream.h - one log, archives and current file together, as a row of lines that match a
 * query, in either direction.
 *
 * A line without a level has that of the entry it continues. Blocks of archives that can't match
 * are not even read.
 *
 * USED BY   cli/, logread/merge, logread/follow, tests.
 */
#ifndef LOGREAD_STREAM_H
#define LOGREAD_STREAM_H

#include <regex.h>

#include "logread/parse.h"
#include "logread/segments.h"

struct log_query {
	enum log_level min_level; /* DEBUG: all */
	const char *text;	  /* NULL: any; a substring, case counts */
	size_t text_len;
	const regex_t *regex;	     /* NULL: any */
	uint64_t since_ns, until_ns; /* 0: open */
	uint32_t life;		     /* 0: any; else that run alone */
};

struct log_entry {	  /* points into the stream: good until its next call */
	const char *text; /* without its line end */
	size_t len;
	struct log_line parsed;
	enum log_level level; /* its own or the entry's above; INFO where there is none */
	/* what it says, else arrival_ns, else that of the entry above; 0 = not known */
	uint64_t time_ns;
	uint64_t arrival_ns; /* 0 = not known */
	uint64_t offset;     /* in its segment */
	const char *stem;
	bool has_end; /* false: the last line of its file, so far without a line end */
	/* it has none, and its file is the current one: the rest may come */
	bool grows;
};

enum stream_way { STREAM_FORWARD, STREAM_BACKWARD };

struct stream;

/* stem, q and c must outlive the stream. */
int stream_open(int dirfd, const char *stem, uint32_t above, enum stream_way way,
	const struct log_query *q, const struct log_complain *c, struct stream **ret,
	struct fault *f);
void stream_close(struct stream *s);

/* 1: *ret is the next line in the chosen direction; 0: there is none; -errno. */
int stream_read(struct stream *s, struct log_entry *ret, struct fault *f);

/* Close the archives that it has open ahead of their turn; they are opened again by then. */
void stream_spare(struct stream *s);

/* For whoever goes on behind a stream that is not read any more: the level of the entry that a line
 * at this offset of segment number continues. */
enum log_level stream_level_at(struct stream *s, size_t segment, uint64_t at);

/* What it reads. Owned by the stream. */
struct segments *stream_segments(struct stream *s);

/* Does an entry match? For whoever has lines from elsewhere (logread/follow). */
bool stream_matches(const struct log_query *q, const struct log_entry *e);

#endif
