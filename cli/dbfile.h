/*
 * cli/dbfile.h - a look at the registry's database file. The program links no SQLite: that would make every command slower, and of the file format a
 * count of tables needs little (https://www.sqlite.org/fileformat2.html).
 */
#ifndef CLI_DBFILE_H
#define CLI_DBFILE_H

#include <stdint.h>

struct dbfile {
	const char *status;  /* the reference's words: "healthy", "missing", "inaccessible", "error" */
	char message[120];   /* for people */
	int64_t size_bytes;  /* -1: not known */
	int64_t tables;	     /* -1: not known */
};

/* path NULL: status "unknown". */
void dbfile_look(const char *path, struct dbfile *ret);

#endif
