/*
 * monitor/verdict.h - what the state of a process means for its health. Pure: no clock, no system
 * call, no table.
 */
#ifndef MONITOR_VERDICT_H
#define MONITOR_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

enum verdict_alive {
	VERDICT_NONE, /* there is no process now */
	VERDICT_ALIVE,
	VERDICT_ENDED, /* the process of this run was seen dead */
};

#define VERDICT_ERROR_MAX 80u

/* A service that is alive is healthy. An agent that is alive says by its registration how it does,
 * and without one it is unknown. What ended, or could not be launched, without anyone asking for it
 * has failed; what rests on purpose is unknown. */
enum pt_verdict verdict_of(const struct pt_life *life, unsigned service, enum verdict_alive alive);

/* so long after its start an agent's registration is awaited */
#define VERDICT_AWAIT_NS 30000000000ull

struct verdict_facts {
	unsigned registry_state;    /* enum pt_registry */
	const char *registry_error; /* why it is unreachable */
	const char *registry_url;
	bool was_listed; /* the registry has listed it during this run */
	/* why a probe that has not decided yet can't be made; empty = it can */
	const char *not_probed;
	bool is_new; /* VERDICT_AWAIT_NS have not passed since its start */
};

/* The verdict of a process that runs, with what its own probes and, for an agent, the registry say.
 * Fails one of its probes, it is unhealthy (readiness: degraded), whatever the registry says; an
 * agent whose probes pass is at worst degraded by the registry's word. error gets the reason where
 * it is not healthy, and is emptied where it is. */
enum pt_verdict verdict_refine(enum pt_verdict base, unsigned service, const struct pt_life *life,
	const struct pt_health *h, const struct verdict_facts *facts,
	char error[static VERDICT_ERROR_MAX]);

/* Why it has failed, as a sentence without full stop. */
void verdict_error(const struct pt_life *life, char buf[static VERDICT_ERROR_MAX]);

/* Failures in a row: a run that ended badly counts once; a process that was seen alive in a sample
 * starts again from 0. */
uint32_t verdict_failures(uint32_t failures, enum pt_verdict from, enum pt_verdict to);

#endif
