/*
 * monitor/care_private.h - what care.c (which processes are cared for, and by which description)
 * and act.c (what is done about them) share.
 *
 * INCLUDED BY monitor/care.c and monitor/act.c only.
 */
#ifndef MONITOR_CARE_PRIVATE_H
#define MONITOR_CARE_PRIVATE_H

#include "monitor/care.h"
#include "monitor/conf.h"
#include "monitor/probe.h"
#include "shm/ring.h"

struct care_shared {
	struct monitor *mo;
	struct conf_all conf;
	struct conf_stamp specs; /* of the folder */
	struct brake brake;
	struct budget budget;
	uint32_t daemon_restarts[ROLE_MAX];
	bool daemons_seen;
};

struct checks { /* what its spec says of its health */
	struct health_conf conf;
	struct probe probe[HEALTH_PROBES];
};

struct care {
	struct watch *w;
	struct checks *own; /* NULL: nothing, as for most */
	struct policy_state policy;
	struct conf_stamp spec;
	uint32_t check_interval_s; /* what its spec says beside that; 0 = nothing */
	uint64_t health_hash;	   /* of what the spec says of its health */
	bool probing, asked, limit_told;
	struct pt_ticket ticket; /* of the restart that was asked for */
	uint8_t flag;		 /* PT_FLAG_ of the restart that is to be posted; 0 = none */
	struct loop_timer retry;
	uint64_t checked_ns, cpu_over_ns;
	uint32_t age_s, cpu_percent; /* the limits that were in force when it was last looked at */
	/* since when this age is, if it came while the process ran; 0 = always */
	uint64_t age_since_ns;
	/* what was asked for, in which run: the table may be made again meanwhile */
	uint8_t posted_flag;
	uint32_t posted_life;
};


#endif
