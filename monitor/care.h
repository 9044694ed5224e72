/*
 * monitor/care.h - what is done about a process: its probes, the monitoring policy, limits, and the
 * restarts that follow.
 *
 * Only the process itself and its own probes count here; the registry's word never restarts
 * anything. A restart is a command to the spawner, which answers in its own time; nothing here
 * waits.
 */
#ifndef MONITOR_CARE_H
#define MONITOR_CARE_H

#include "config/health.h"
#include "monitor/policy.h"
#include "monitor/monitor.h"

/* What is the same for all processes: HOME/monitor.json, brake and budget. */
int care_shared_new(struct monitor *mo, struct care_shared **ret);
/* The files are read; mo->state is what an earlier monitor left. */
void care_shared_begin(struct monitor *mo);
void care_shared_free(struct care_shared *s);
const struct health_all *care_conf(const struct monitor *mo);

/* A run has begun (or was found running): read its configuration and begin its probes. */
void care_begin(struct watch *w);
/* No process any more: no probes. */
void care_pause(struct watch *w);
void care_free(struct watch *w);
/* A person has stopped it: attempts count from the beginning. */
void care_reset(struct watch *w);

/* Once a cycle: monitor.json, brake, the checks that are due, limits. */
void care_cycle(struct monitor *mo);

#endif
