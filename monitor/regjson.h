/*
 * monitor/regjson.h - the registry's answer to GET /agents: text in, list out; and which entry is
 * an agent's. No clock, no network.
 *
 * The text is not trusted. Its values are counted before it is parsed, so that a small text can't
 * grow into gigabytes; what parsing took is given back before returning.
 */
#ifndef MONITOR_REGJSON_H
#define MONITOR_REGJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define REGJSON_ENTRIES_MAX 65536u
/* seen less than this ago is alive, if its status says so too */
#define REGJSON_ALIVE_NS (120ull * 1000000000ull)

struct reg_entry {
	char name[80], id[80];
	char endpoint[128];
	char status[20];
	uint64_t seen_real_ns; /* last_seen, else last_heartbeat; 0 = neither */
	uint16_t capabilities, dependencies, dependencies_resolved;
};

struct reg_key {
	uint64_t hash;
	uint32_t entry;
};

struct reg_list {
	struct reg_entry *entry;
	size_t n;
	struct reg_key *key; /* sorted; the normalised names by which an entry may be found */
	size_t keys;
	char *shown; /* the entries as the "agents" of run/agents.json */
};

/* -EINVAL: f says what is wrong with it. -EFBIG: it needs too much memory. *ret is the
 * caller's, reglist_done(). */
int regjson_parse(
	const char *text, size_t len, uint64_t now_real_ns, struct reg_list *ret, struct fault *f);
void reglist_done(struct reg_list *l);

/* The entry of an agent: by name or id, with or without the suffix of 8 digits, as they are or
 * normalised (lower case, anything but letters and digits a '-'). An exact match before a
 * normalised one; among several the one seen last. NULL: not listed. */
const struct reg_entry *reglist_find(const struct reg_list *l, const char *name);

bool reg_is_alive(const struct reg_entry *e, uint64_t now_real_ns);

#endif
