/*
 * words/summary.h - how all of an instance is: counted row by row, and told in lines.
 */
#ifndef WORDS_SUMMARY_H
#define WORDS_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "client/view.h"
#include "words/tone.h"

struct summary { /* a zeroed one has counted nothing */
	size_t n, running, at_rest, failed, on_the_way, unhealthy, unregistered, uncaptured;
	size_t agents, agents_running, registered, healthy;
	size_t sampled; /* of which these are the sums */
	uint64_t memory_bytes, cpu_permille;
};

void summary_count(struct summary *s, const struct view_row *r);

/* "HEALTHY: 3 processes, 2 running, 1 at rest". paint NULL: in no tones. */
void summary_headline(FILE *to, const struct summary *s, const struct view *v, tone_painter *paint);
/* The reference's counters; nothing where no registry is known. */
void summary_agents(FILE *to, const struct summary *s, const struct view *v);
/* The reference's "performance metrics". */
void summary_performance(FILE *to, const struct summary *s);
/* The registry that agents are looked up at; nothing where there is none. */
void summary_registry(FILE *to, const struct view *v);
/* How far what was shown can be trusted: the daemons, if one of them does not run (verbose:
 * always), and the age of the table. */
void summary_trust(FILE *to, const struct view *v, bool verbose);

#endif
