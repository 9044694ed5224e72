/*
 * logread/segments.h - the files of one log in reading order. All are open, so that it does not
 * matter any more what is rotated, archived or removed afterwards; archives wait for
 * segment_ready() where the caller says so.
 *
 * USED BY   logread/, cli/, tests.
 */
#ifndef LOGREAD_SEGMENTS_H
#define LOGREAD_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "logread/archive_index.h"
#include "logread/timeindex.h"

/* Told of what is damaged or unreadable; reading goes on behind it. text names file and offset. */
typedef void log_complain_fn(void *arg, const char *text);
struct log_complain {
	log_complain_fn *fn; /* NULL: nobody listens */
	void *arg;
	/* a folder for what archives without an index are unpacked into; NULL or "" = /tmp */
	const char *scratch;
};
void log_complain(const struct log_complain *c, const char *file, const struct fault *f);

struct segment {
	char *name;
	uint32_t number; /* UINT32_MAX: the current file */
	int dirfd;	 /* the caller's */
	/* of raw bytes, or of an archive with index; -1: an archive that is not open yet */
	int fd;
	uint64_t bytes;	     /* raw; a snapshot */
	uint64_t file_bytes; /* on the disk */
	uint64_t inode;
	bool archive; /* lies on the disk as an archive */
	bool ready;   /* of an archive: segment_ready() was here */
	/* index holds; else fd is raw (a foreign archive was unpacked into a file without a name)
	 * */
	bool indexed;
	struct archive_index index;
	struct tidx times;
};

struct segments {
	struct segment *list;
	size_t n;
};

enum segments_how {
	SEGMENTS_OPEN, /* all */
	/* archives later: a history may hold hundreds, and who reads it from its end seldom gets to
	 * them. Only retention removes one in between, and who comes too late for the oldest lines
	 * does not miss them. bytes, file_bytes and inode of archives are 0 until then. */
	SEGMENTS_LAZY
};

/* All files of the log called stem ("web", "web@err"). What is rotated or archived meanwhile is
 * followed. above: only numbers above it. None at all is no error. The caller frees; dirfd must
 * stay open until then. */
int segments_open(int dirfd, const char *stem, uint32_t above, enum segments_how how,
	const struct log_complain *c, struct segments *ret, struct fault *f);
void segments_close(struct segments *s);

/* Is it for want of memory or descriptors, and not for what the file is? Then reading fails: lines
 * that are left out would not be missed. */
bool segment_wants(int error);
/* Open an archive and load its index, or unpack one without; called before its content is looked
 * at. What is wrong was complained of, if it is the file. */
int segment_ready(struct segment *s, const struct log_complain *c);
/* Close an archive again: the memory of its index and the descriptor are free, and segment_ready()
 * opens it anew. */
void segment_leave(struct segment *s);
/* When its last byte arrived, as cheaply as that can be had; 0 = not known. */
uint64_t segment_last_ns(struct segment *s);

/* The stems of all logs in a folder, sorted, NAME@err right behind NAME, malloc'ed; standard
 * error's own (…@err) are left out if err is false. */
int segments_stems(int dirfd, bool err, char ***ret, size_t *ret_n);
void segments_stems_free(char **stems, size_t n);

#endif
