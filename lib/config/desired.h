/*
 * config/desired.h - processes.json: which processes are desired up, across reboots, and who ran
 * last.
 *
 * Written by the spawner alone, whole, atomically and synced, off its event loop (spawner/save.c).
 * While the instance lives the segment is the truth and this file follows within moments; it is
 * read when there is no segment to read. Keys that tend does not know, and entries that the
 * reference's CLI wrote, are kept as they are.
 */
#ifndef CONFIG_DESIRED_H
#define CONFIG_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/io_replace.h"
#include "base/str.h"

#define DESIRED_FILE	  "processes.json"
#define DESIRED_BYTES_MAX (64u * 1024 * 1024) /* about 65,536 entries of 300 bytes, three times */

#define DESIRED_STATE_MAX 16u

struct desired_entry {
	char name[NAME_MAX_BYTES];
	bool up;
	uint32_t order;
	pid_t pid; /* 0 = did not run when this was written */
	uint64_t start_ticks;
	uint64_t started_real_ns; /* not read back */
	uint8_t service;
	char state[DESIRED_STATE_MAX]; /* a word for what it was doing; "" = not told */
};

struct desired {
	char boot_id[40];	/* pid and start_ticks mean something in this boot only */
	uint64_t as_of_real_ns; /* what is newer than this is not in it; 0 = not told */
	struct desired_entry *entry;
	size_t n;
	/* text of the members of "processes" that are not tend's: "\"a\":{...},\"b\":{...}", or
	 * NULL */
	char *foreign_entries;
	char *foreign_keys; /* likewise the unknown keys of the document */
};

/* Read it. No file: success with n = 0. -EINVAL: not this format; f names the place. Release with
 * desired_done(). */
int desired_load(int home_fd, struct desired *ret, struct fault *f);
void desired_done(struct desired *d);
/* Append an entry that can't be used now (its spec is damaged, the table is full) to a text of
 * foreign entries, so that it isn't lost. */
int desired_keep(char **foreign_entries, const struct desired_entry *e);
/* Replace the file by this. */
int desired_save(int home_fd, const struct desired *d, enum io_sync sync);

#endif
