/*
 * config/health.h - how a process's health is found out and what follows from it: the object
 * "health" of a spec, and HOME/monitor.json for all processes. Strict: an unknown key, a wrong type
 * and a number out of range are errors that name the key with its path.
 */
#ifndef CONFIG_HEALTH_H
#define CONFIG_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define HEALTH_FILE	 "monitor.json"
#define HEALTH_BYTES_MAX (256u << 10)

enum health_probe_kind {
	HEALTH_NO_PROBE,
	HEALTH_HTTP,
	HEALTH_TCP,
	HEALTH_EXEC,
	HEALTH_LOG,
	HEALTH_MCP
};
enum health_when { HEALTH_STARTUP, HEALTH_READINESS, HEALTH_LIVENESS, HEALTH_PROBES };

struct health_probe {
	uint8_t kind;
	uint32_t interval_ms, timeout_ms, initial_delay_ms;
	uint32_t failure_threshold, success_threshold; /* results in a row */
	uint32_t status_min, status_max;	       /* http */
	uint32_t within_ms; /* log: a line must have matched so recently */
	/* http, mcp: address; tcp: HOST:PORT; empty = path on the endpoint that the registry lists
	 * */
	char url[512];
	char path[128];
	char method[12];
	char header[256]; /* "Name: value" to send */
	char match[256];  /* extended regular expression: http body, log line */
	char **argv;	  /* exec; NULL-terminated, one allocation */
};

struct health_policy { /* the reference's MonitoringPolicy */
	bool enabled, restart_on_failure, alert_on_failure, alert_on_recovery;
	uint32_t check_interval_s; /* 0 = the configuration's health_check_interval */
	uint32_t max_restart_attempts, restart_cooldown_s, health_check_timeout_s;
};

struct health_limits { /* 0 = none */
	uint64_t memory_bytes;
	uint32_t cpu_percent, cpu_for_s; /* above it in every sample for so long */
	uint32_t open_files;
	uint32_t age_s, age_jitter_s;
	bool restart; /* else only an alert */
};

struct health_conf { /* of one process */
	struct health_probe probe[HEALTH_PROBES];
	struct health_policy policy;
	struct health_limits limits;
	bool has_policy, has_limits;
};

struct health_all { /* of all */
	struct health_policy policy;
	struct health_limits limits;
	char **alert_argv;
	char alert_url[512];
	uint32_t alert_timeout_ms;
	uint32_t brake_least, brake_percent, brake_window_s;
	uint32_t budget_restarts, budget_window_s;
};

/* The reference's and our defaults. */
void health_conf_init(struct health_conf *c);
void health_all_init(struct health_all *a);

/* -EINVAL: f says at which key. On success release with the matching done function, which is fine
 * with an initialised one too. */
int health_parse(const char *text, size_t len, struct health_conf *ret, struct fault *f);
int health_parse_all(const char *text, size_t len, struct health_all *ret, struct fault *f);
void health_conf_done(struct health_conf *c);
void health_all_done(struct health_all *a);

#endif
