/*
 * monitor/publish.h - the health blocks of the table.
 */
#ifndef MONITOR_PUBLISH_H
#define MONITOR_PUBLISH_H

#include "monitor/monitor.h"

/* Copy the private block into the segment. */
void publish_put(struct watch *w);
void publish_all(struct monitor *mo);

/* Set the verdict; a change is reported in an event and wakes whoever waits for changes. */
void publish_verdict(struct watch *w, enum pt_verdict verdict);

/* Enter the figures of a sample taken now. */
void publish_sample(struct watch *w, const struct sample *s);
/* Nothing runs: what it uses now is nothing. What it has used stays. */
void publish_gone(struct watch *w);

/* Take over the block that an earlier monitor left; another run of the same process begins with
 * fresh figures. */
void publish_resume(struct watch *w, const struct pt_health *found);
void publish_new_run(struct watch *w);

#endif
