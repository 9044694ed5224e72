/*
 * monitor/registry.h - what the mesh registry says about the agents: asking it, and entering its
 * word in their health blocks.
 *
 * Asked once a cycle while an agent is up that was not started without a registry; every half
 * second while one that has just been started is not listed yet. With no such agent up nobody is
 * asked and no timer runs. What is learnt goes into each watch's health and the monitor's own
 * block; the whole list into run/agents.json.
 */
#ifndef MONITOR_REGISTRY_H
#define MONITOR_REGISTRY_H

#include "monitor/monitor.h"

int registry_new(struct monitor *mo, struct registry **ret);
void registry_free(struct registry *r);

/* Set the timer of the next request, after anything that may have changed who is up. */
void registry_arm(struct registry *r);

/* Enter what the last answer says about this agent: it is new, or began a new run. */
void registry_apply(struct registry *r, struct watch *w);

#endif
