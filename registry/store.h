/*
 * registry/store.h - the agents on the disk: one SQLite file, WAL, synchronous=NORMAL. What is
 * committed survives a kill of this process at any instant; a crash of the whole machine may cost
 * the last moments.
 */
#ifndef REGISTRY_STORE_H
#define REGISTRY_STORE_H

#include "base/fault.h"
#include "registry/table.h"

struct store;

/* Open or make the file (mode 0600). Errors name the path: a folder, not a database, of someone
 * else's making. */
int store_open(const char *path, struct store **ret, struct fault *f);
void store_close(struct store *s);
/* Read all agents into the table. An entry that is damaged is left out and counted. */
int store_load(struct store *s, struct table *t, uint64_t now_boot_ns, size_t *ret_damaged,
	struct fault *f);
/* Write one agent, whole. It is committed on return. */
int store_put(struct store *s, struct agent *a, struct fault *f);

/* What time and heartbeats change in an agent. */
struct store_beat {
	char id[AGENT_OLD_ID_MAX + 1], said[12];
	bool left, stale;
	uint64_t updated_real_ns, seen_real_ns;
};

/* What is to be written of the dirty ones, which are clean from then on. Returns how many; *ret is
 * the caller's to free (NULL if none). -ENOMEM. */
int store_take(struct table *t, struct store_beat **ret);
/* Write them, a few in each transaction. One that was registered anew meanwhile is left alone. */
int store_beats(struct store *s, const struct store_beat *beats, size_t n, struct fault *f);
/* Move what was committed from the log into the database if the log has become long; waits for the
 * disk. */
int store_checkpoint(struct store *s, struct fault *f);
int store_delete(struct store *s, const char *id, struct fault *f);

#endif
