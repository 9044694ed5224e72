/*
 * registry/table.h - all agents in memory: found by id, aged, and who provides what to whom. PURE:
 * the caller says what time it is.
 */
#ifndef REGISTRY_TABLE_H
#define REGISTRY_TABLE_H

#include <stddef.h>

#include "registry/agents.h"
#include "registry/json.h"

#define TABLE_AGENTS_MAX  20000u
#define TABLE_BYTES_MAX	  (64u * 1024 * 1024) /* of their texts together */
#define TABLE_VALUES_MAX  3000000u /* in their trees together, each about a hundred bytes */
#define TABLE_ANSWERS_MAX (64u * 1024 * 1024) /* of all agents' resolutions together */
#define TABLE_BUCKETS	  4096u
/* comparisons of a request, by the request's count: a fraction of a second */
#define TABLE_WORK_MAX 2000000u

struct table {
	struct agent *bucket[TABLE_BUCKETS];
	struct offer *offer[TABLE_BUCKETS];	   /* by the capability's name */
	struct agent **all;			   /* in no order */
	size_t n, cap, bytes, values, resolutions; /* resolutions: bytes of all of them */
	size_t work;	   /* comparisons that this request may still do; the caller sets it */
	uint64_t topology; /* raised whenever who can be reached changes */
	/* raised whenever a list of agents would look different, but for the times of heartbeats */
	uint64_t changes;
	struct age_rules rules;
	uint64_t registrations, heartbeats;
};

void table_done(struct table *t);
struct agent *table_find(const struct table *t, const char *id);
/* Add it, or put it in the place of the one with its id; taken over on success. -ENOSPC: the table
 * is full. -ENOMEM. */
int table_put(struct table *t, struct agent *a, uint64_t now_boot_ns, uint64_t now_real_ns);
/* A sign of life. */
void table_beat(struct table *t, struct agent *a, uint64_t now_boot_ns, uint64_t now_real_ns);
/* It says goodbye. */
void table_leave(struct table *t, struct agent *a, uint64_t now_boot_ns);

/* Look at the age of all: marks who became stale, and takes out who is over, telling gone before
 * (gone NULL: they stay). Returns how many became stale now. */
typedef void table_gone_fn(void *arg, const struct agent *a);
size_t table_age(struct table *t, uint64_t now_boot_ns, table_gone_fn *gone, void *arg);

/* Who provides what it depends on: brings a->resolved, a->resolutions and a->resolved_hash up to
 * date. What the work does not reach counts as not provided. keep: then they rather stay as they
 * are. */
void table_resolve(struct table *t, struct agent *a, uint64_t now_boot_ns, bool keep);
/* {"function": [{agent_id, function_name, endpoint, capability, status}, ...], ...}: the answer to
 * a registration. */
void table_providers(struct table *t, const struct agent *a, uint64_t now_boot_ns,
	struct json_out *o, const char *key);

#endif
