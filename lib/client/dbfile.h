/*
 * client/dbfile.h - a look at the registry's database, by SQLite, which is loaded for that alone.
 * Nothing is written, not even beside the file; what the registry would not use, for others may
 * have put it there, is not opened.
 */
#ifndef CLIENT_DBFILE_H
#define CLIENT_DBFILE_H

#include <stdint.h>

#include "base/fault.h"

struct dbfile {
	/* the reference's words: "healthy", "missing", "inaccessible", "error"; or "unknown" */
	const char *status;
	char message[FAULT_MAX + 16]; /* for people */
	int64_t size_bytes;	      /* -1: not known */
	int64_t tables;		      /* -1: not known */
};

/* path NULL: status "unknown". */
void dbfile_look(const char *path, struct dbfile *ret);

#endif
