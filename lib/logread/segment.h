/*
 * logread/segment.h - one file of a log, raw or an archive. Once open it does not matter any more
 * what is rotated, archived or removed.
 */
#ifndef LOGREAD_SEGMENT_H
#define LOGREAD_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logread/archive_index.h"
#include "logread/complain.h"
#include "logread/timeindex.h"

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

/* Open it: name, number, dirfd and archive are set, fd is -1. An archive waits for segment_ready()
 * if that is to be later. 0; -ENOENT: it has gone; others: it can't be read, which is complained of
 * unless segment_wants(). segment_close() in any case. */
int segment_open(struct segment *s, const char *stem, bool later, const struct log_complain *c);
void segment_close(struct segment *s);

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

#endif
