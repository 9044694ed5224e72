/*
 * words/metrics.h - the table as metrics, in Prometheus's text format or as OpenMetrics.
 *
 * No one text is both: there a counter's family is named without the _total of its sample, and
 * Prometheus's own format knows it by the whole name.
 */
#ifndef WORDS_METRICS_H
#define WORDS_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "client/view.h"

/* monitor NULL: what the monitor says of itself is not known. */
void metrics_write(
	FILE *to, const struct view *v, const struct pt_monitor *monitor, bool openmetrics);

#endif
