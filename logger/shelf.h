/*
 * logger/shelf.h - the files that a log leaves behind: rotated, archived, deleted by retention;
 * their numbers and their sums.
 *
 * One shelf for each log name (NAME.log, NAME@err.log, tend.log). What is on the disk is the truth:
 * shelf_load() reads it, finishing or undoing what a death left half-done:
 *     BASE.N.lz4.tmp        an archive that was being written: removed
 *     BASE.N and BASE.N.lz4 the archive is whole: the raw file goes (a damaged archive goes
 *     instead)
 *     BASE.N.del            taken by retention: removed, and counted if that was not done yet
 *     BASE.N.idx alone      removed; BASE.idx that belongs to BASE.N: renamed
 * Work that takes long is given to the threads (logger/worker.h), oldest file first, by
 * shelf_pump(), which is called whenever something changed.
 */
#ifndef LOGGER_SHELF_H
#define LOGGER_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logger/job.h"
#include "logger/worker.h"

struct logger;
struct stream;

enum shelf_state {
	SHELF_RAW,
	SHELF_ARCHIVED,
	SHELF_MARKED /* counted as deleted, still to be unlinked */
};

struct shelf_file {
	uint32_t number;
	uint8_t state; /* enum shelf_state */
	bool busy;     /* a thread has it */
	uint64_t raw_bytes, file_bytes, lines;
	uint64_t last_real_ns; /* when its last byte came */
};

struct shelf {
	struct logger *lg;
	struct stream *st;	  /* NULL: tend.log, or the log of a process that was removed */
	const char *base;	  /* "NAME.log"; it lives as long as the shelf */
	struct shelf_file *files; /* by number, rising */
	uint32_t n, room;
	uint32_t last_number; /* the highest ever seen */
	uint32_t archives;
	uint64_t keep_bytes; /* 0 = no limit, as the next two */
	uint32_t keep_files, keep_age_s;
	uint64_t retry_boot_ns; /* a thread's work failed: not before */
	bool stuck;		/* the last raw file could not be compressed */
	uint64_t rotated_bytes, archived_bytes, archived_lines, archive_file_bytes;
	uint64_t deleted_bytes, deleted_lines, gone_bytes; /* since this logger began */
};

/* One of the two threads that work for the shelves, and what it does now. */
struct keeper {
	struct logger *lg;
	struct worker worker;
	struct job job;
	struct shelf *shelf; /* that it works for; NULL: it is gone, or nothing */
};

/* The names in the log folder, sorted; made once for a scan that loads many shelves. */
struct catalog {
	char **names;
	size_t n;
};
int catalog_read(int dirfd, struct catalog *ret);
void catalog_free(struct catalog *c);

/* base stays the caller's, and must live as long as the shelf. */
void shelf_init(struct shelf *sh, struct logger *lg, struct stream *st, const char *base);
/* *ret_marked: bytes in files that retention has marked, which may or may not have been counted. */
void shelf_load(struct shelf *sh, const struct catalog *c, uint64_t *ret_marked);
/* Make room above numbers that somebody used up; 0 where there is some. */
int shelf_renumber(struct shelf *sh);
/* It must be none of those that shelf_at() finds any more. */
void shelf_free(struct shelf *sh);

/* Rename the current file BASE (log_fd) and its index to the next number. 0 or -errno;
 * *ret_number. */
int shelf_rotate(struct shelf *sh, int log_fd, uint32_t *ret_number);

/* Begin whatever archiving and deleting is due. */
void shelf_begin(struct logger *lg);
void shelf_pump(struct logger *lg);
void shelf_end(struct logger *lg);

/* All shelves of a logger, for i < shelf_count(): NULL where there is none at i. */
struct shelf *shelf_at(struct logger *lg, size_t i);
size_t shelf_count(const struct logger *lg);

/* retain.c: which file is the oldest that is left; which is to be deleted next by the shelf's own
 * limits, or by that of all logs (*ret is its shelf); NULL = none. */
const struct shelf_file *retain_oldest(const struct shelf *sh);
struct shelf_file *retain_next(const struct shelf *sh, uint64_t now_real_ns);
struct shelf_file *retain_of_all(struct logger *lg, struct shelf **ret);

/* When the last byte of a raw file came: by its index, else by its own time. */
struct stat;
uint64_t shelf_last_real_ns(int dirfd, const char *idx, const struct stat *log);

/* shelfload.c, for shelfmove.c */
struct shelf_file *shelf_add(struct shelf *sh, uint32_t number);

#endif
