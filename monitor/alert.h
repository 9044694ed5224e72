/*
 * monitor/alert.h - telling someone: a command that gets the alert as JSON on its standard input,
 * an address that gets it as POST.
 *
 * Each alert is a file in run/alerts until it is delivered, so that it survives the monitor; at
 * most ALERTS_MAX wait, then the oldest is lost. They are delivered one after the other. The
 * command is run once; the address is tried again with growing delays. What could not be delivered
 * is an event. Nothing here waits.
 */
#ifndef MONITOR_ALERT_H
#define MONITOR_ALERT_H

#include <stdint.h>

#include "config/health.h"
#include "json/write.h"
#include "monitor/monitor.h"

#define ALERTS_MAX 256u

/* conf: command and address, as they are at each time; it outlives the alerts. */
int alerts_new(struct monitor *mo, const struct health_all *conf, struct alerts **ret);
void alerts_free(struct alerts *a);
/* Go on with what an earlier monitor left. */
void alerts_begin(struct alerts *a);

/* One alert: the object is begun (kind: process_failed ...), further members are written into it,
 * and it is sent, which frees it. */
void alert_begin(struct json_out *o, const char *kind, const char *name);
/* text: what it would look like on a terminal. */
void alert_text(struct json_out *o, const char *key, const char *text);
void alert_send(struct monitor *mo, struct json_out *o);

#endif
