/*
 * monitor/monitor.h - the private state of the monitor, shared by its files: the processes that it
 * looks after, and when it looks.
 *
 * USED BY   monitor/ alone.
 * OWNERSHIP struct monitor owns every watch; a watch owns its pidfd. The health block in the
 * segment is a copy of
 *           watch.health.
 * WHEN      A change of the row: when the spawner rings. A death: at once, by pidfd. A sample: 1 s
 *           after the beginning of a run, then with all others once every interval. Nothing is
 *           timed while no row is up or waiting for a restart.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/home.h"
#include "base/loop.h"
#include "base/pidref.h"
#include "follower/fifos.h"
#include "monitor/sample.h"
#include "monitor/verdict.h"
#include "shm/table.h"

struct watch;
struct http;	 /* http/client.h */
struct registry; /* monitor/registry.h */
struct alerts;	 /* monitor/alert.h */
struct care;	 /* monitor/care.h */
struct care_shared;
struct run; /* monitor/run.h */

struct monitor {
	struct home home;
	struct pt *pt;
	struct loop *loop;
	struct watch **by_slot; /* NULL where the row is free or not readable */
	uint32_t slots;
	struct sample_walk *walk;
	uint64_t interval_ns;
	uint64_t next_cycle_ns; /* all are sampled; 0 = nothing is going on */
	/* rows whose process ended are looked at again; 0 = there are none */
	uint64_t look_again_ns;
	struct http *http;
	struct registry *registry;
	struct alerts *alerts;
	struct care_shared *shared;
	struct run *runs;   /* commands that were started, and what hangs of them */
	struct fifos fifos; /* held and never read: whoever else dies, no output is lost */
	int spawner_bell;
	struct pt_monitor state; /* the private truth of the monitor's own block */
	struct loop_timer timer; /* the earliest of these and of the first samples */
};

struct watch {
	struct monitor *mo;
	uint32_t slot;
	uint8_t service; /* enum pt_service */
	char name[PT_NAME_MAX];
	uint64_t life_version; /* of the life block that was read last */
	struct pt_life life;   /* that one */
	enum verdict_alive alive;
	struct pidref ref;
	/* its run that has ended, as long as the row still tells of it (follower/ends.h) */
	struct pidref last;
	struct loop_watch *ending; /* of ref.fd */
	uint64_t first_due_ns;	   /* first sample of this run; 0 = taken */
	struct pt_health health;   /* the private truth */
	/* when the CPU share was last computed, and the CPU time then; 0 = not in this run */
	uint64_t share_boot_ns, share_cpu_ns;
	struct care *care; /* NULL until its first run was seen */
	/* at which a probe passed whose port the registry had named; 0 = none in this run */
	uint16_t own_port;
	char not_probed[VERDICT_ERROR_MAX]; /* why a probe can't be made; empty = all can */
	/* where the output of its run begins in its log, as far as known */
	uint64_t log_begin;
	uint64_t log_inode; /* in this file; 0 = there was none */
	bool log_told;	    /* that its output is stuck was alerted on */
	bool no_registry;   /* its spec says so: no registry is asked about it */
	bool was_listed;    /* the registry has listed it during this run */
};

#endif
