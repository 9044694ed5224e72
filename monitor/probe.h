/*
 * monitor/probe.h - the probes of one process: when they are made, and what their results decide.
 *
 * All are asynchronous: none can delay another or a cycle. Readiness and liveness wait until the
 * startup probe, if there is one, has passed; a startup probe that has passed is not made again in
 * this run.
 */
#ifndef MONITOR_PROBE_H
#define MONITOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/health.h"
#include "http/client.h"
#include "monitor/run.h"
#include "monitor/monitor.h"

enum probe_result { PROBE_FAILED, PROBE_PASSED, PROBE_NO_RESULT };

struct probe { /* in an array of HEALTH_PROBES, by enum health_when */
	struct watch *w;
	const struct health_probe *conf; /* kind HEALTH_NO_PROBE: there is none */
	enum health_when when;
	uint8_t *state;		 /* enum pt_probe, in the health block of w */
	struct probe *startup;	 /* that must have passed before; NULL = nothing */
	struct loop_timer timer; /* the next one; while one is under way, its timeout */
	bool busy;
	bool suspended; /* it can't be made, and that was told */
	uint32_t fails, passes;
	uint64_t began_ns;
	uint64_t counted_ns; /* the last result that counted; 0 = none in this run */
	uint32_t tries;	     /* before the first success */
	bool has_passed;     /* in this run */
	struct http_call *call;
	unsigned port; /* http without an address: where it was found; 0 = it has one */
	/* nothing has passed there yet, and it listens elsewhere as well */
	bool on_trial;
	char session[128];   /* mcp: that the server has opened */
	char *reply;	     /* mcp: the answer that came in a stream; owned */
	size_t scanned;	     /* mcp: of the stream, so far */
	bool initialized;    /* mcp: the ping is under way */
	struct run *command; /* exec: under way, or what is left of it */
	/* log: the file that is read, also once it was rotated; 0 = none */
	int log_fd;
	uint64_t log_at, log_inode;	 /* bytes read of it; which file it is */
	uint64_t matched_ns, watched_ns; /* the last match; since when it is watched */
};

void probe_start(struct probe *p);
void probe_stop(struct probe *p);

/* For the kinds: why is a sentence without its subject. Arms the next one and judges the process.
 * PROBE_NO_RESULT: nothing changes; with a why it could not be made at all, which is reported. */
void probe_done(struct probe *p, enum probe_result result, const char *why);
/* The next one, or the end of the one that is under way, comes after so long. */
void probe_arm(struct probe *p, uint64_t after_ms);

/* Each begins one probe, and may call probe_done() at once; cancel leaves nothing behind. */
void probe_http_begin(struct probe *p);
void probe_mcp_begin(struct probe *p);
void probe_mcp_cancel(struct probe *p);
void probe_exec_begin(struct probe *p);
void probe_log_begin(struct probe *p);
/* It begins with what the run writes from now on, and nothing has matched yet. */
void probe_log_start(struct probe *p);
void probe_log_stop(struct probe *p);

#endif
