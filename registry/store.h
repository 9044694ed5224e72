/*
 * registry/store.h - the agents on the disk: one SQLite file, WAL, synchronous=NORMAL. What is committed survives a kill of this process at any
 * instant; a crash of the whole machine may cost the last moments.
 */
#ifndef REGISTRY_STORE_H
#define REGISTRY_STORE_H

#include "base/fault.h"
#include "registry/table.h"

struct store;

/* Open or make the file (mode 0600). Errors name the path: a folder, not a database, of someone else's making. */
int store_open(const char *path, struct store **ret, struct fault *f);
void store_close(struct store *s);
/* Read all agents into the table. An entry that is damaged is left out and counted. */
int store_load(struct store *s, struct table *t, uint64_t now_boot_ns, size_t *ret_damaged, struct fault *f);
/* Write one agent, whole. It is committed on return. */
int store_put(struct store *s, struct agent *a, struct fault *f);
/* Write what time and heartbeats changed in the first dirty ones, at most max, in one transaction. Returns how many were written. */
int store_flush(struct store *s, struct table *t, size_t max, struct fault *f);
int store_delete(struct store *s, const char *id, struct fault *f);

#endif
