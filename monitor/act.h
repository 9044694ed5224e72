/* monitor/act.h - what is done about a process that is cared for. */
#ifndef MONITOR_ACT_H
#define MONITOR_ACT_H

#include "monitor/monitor.h"

struct care;
struct care_shared;

/* Its verdict or a probe of it has changed: do what the policy asks for. */
void act_check(struct watch *w);
/* The table was made again: a restart that was asked for and has not happened is asked for
 * again. */
void act_moved(struct watch *w);

/* Prepare what lies in c of act.c. */
void act_init(struct care *c);
/* How long after a check of it the next one is due. */
uint64_t act_check_interval_ns(const struct care *c);
/* Is it over a limit? Tell, and restart it if that is asked for. */
void act_on_limits(struct care *c, uint64_t now);
/* A run begins, or its own description changes: the limits that hold now are those that it begins
 * with. */
void act_limits_begin(struct care *c);
/* Bring the brake up to date: each cycle, and whenever one turns unhealthy, for many may do so
 * within one cycle. */
void act_brake(struct care_shared *s, uint64_t now);

#endif
