/*
 * registry/agents.h - an agent as the registry knows it, made from a request of either generation,
 * and the rules of its age. PURE: no clock, no database; the caller says what time it is.
 *
 * Times: _real_ns is what is shown and stored; ages are counted on _boot_ns, so that a clock that
 * is set makes nobody stale.
 */
#ifndef REGISTRY_AGENTS_H
#define REGISTRY_AGENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/fault.h"

/* today's: silent for so long is unhealthy (DEFAULT_TIMEOUT_THRESHOLD) */
#define AGENT_TIMEOUT_S	   20u
#define AGENT_RETENTION_S  3600u /* silent for so long is forgotten (MCP_MESH_RETENTION) */
#define AGENT_SCAN_S	   10u	 /* HEALTH_CHECK_INTERVAL */
#define AGENT_ID_MAX	   64u
#define AGENT_OLD_ID_MAX   255u /* the first generation set no limit; ours is that of a name */
#define AGENT_TOOLS_MAX	   1000u
#define AGENT_REQUESTS_MAX 1000u /* dependencies, of all its tools together */
#define AGENT_TAGS_MAX	   32u	 /* of one capability or dependency */

/* One of an agent's capabilities in the table's index. */
struct offer {
	struct agent *agent;
	const cJSON *capability;
	struct offer *next, **at; /* at: what points to this one; NULL = not in the index */
};

struct agent {
	cJSON *entry; /* what GET /agents shows of it and a heartbeat does not change; owned */
	/* list of {function_name, capability, version, tags, namespace} that it depends on; owned
	 * */
	cJSON *requests;
	char *text;	      /* entry printed, without its braces; owned */
	char *wants;	      /* requests printed; owned */
	size_t bytes;	      /* of both */
	size_t values;	      /* of both trees: each takes about a hundred bytes */
	unsigned wanted;      /* requests so far, while it is put together */
	struct offer *offers; /* its capabilities; owned */
	size_t n_offers;
	const char *id, *name, *namespace, *type; /* within entry */
	uint64_t timeout_ns;
	/* from here on changed by time and heartbeats */
	uint64_t created_real_ns, updated_real_ns, seen_real_ns, seen_boot_ns;
	/* the agent's own word about itself: healthy, degraded, unhealthy, offline */
	char said[12];
	bool left;  /* it said goodbye */
	bool stale; /* as of the last look */
	bool dirty; /* differs from what is stored */
	bool told;  /* the answer to its last registration showed resolved_hash */
	uint64_t resolved_topology, resolved_hash, told_hash;
	unsigned resolved;
	char *resolutions;  /* JSON list; owned */
	struct agent *next; /* in its bucket */
};

struct age_rules {
	uint64_t timeout_ns, retention_ns; /* of today's generation; retention of both */
};

/* From the body of POST /agents/register_with_metadata (first generation) and of POST /heartbeat
 * with tools (today's). NULL: f has the detail; the first one's *ret_missing is the name of a key
 * that is missing, NULL otherwise. Release with agent_free(). */
struct agent *agent_from_register(const cJSON *body, struct fault *f, const char **ret_missing);
struct agent *agent_from_heartbeat(
	const cJSON *body, const struct age_rules *rules, struct fault *f);
/* To and from the text that is stored; free() it. */
char *agent_stored(const struct agent *a);
struct agent *agent_from_stored(const char *text, struct fault *f);
/* Fill in what follows from entry and requests: texts, sizes, the pointers into the entry. False:
 * no memory. */
bool agent_settle(struct agent *a);
/* Does b say of itself what a says? */
bool agent_same(const struct agent *a, const struct agent *b);
void agent_free(struct agent *a);

/* A plausible id of either generation? */
bool agent_id_ok(const char *id, bool today);

/* The rules of age. */
bool agent_is_stale(const struct agent *a, uint64_t now_boot_ns);
bool agent_is_over(const struct agent *a, const struct age_rules *rules, uint64_t now_boot_ns);
/* "healthy", "degraded", "unhealthy", "offline". */
const char *agent_status(const struct agent *a, uint64_t now_boot_ns);
/* Take a word that an agent says about itself; others than the four are ignored. */
void agent_says(struct agent *a, const char *word);

/* Does a version satisfy ">=1.2", "^1.0", "~1.2", "1.2.3", ">1,<2"? An empty constraint is
 * satisfied by all. */
bool agent_version_fits(const char *version, const char *constraint);

#endif
