/*
 * tests/unit/instance.h - a home with a hand-made segment, to drive one daemon alone: the test is
 * guardian and spawner itself. Failures end the test (Check).
 */
#ifndef TESTS_UNIT_INSTANCE_H
#define TESTS_UNIT_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/home.h"
#include "base/role.h"
#include "shm/table.h"

struct instance {
	char dir[64];
	struct home home;
	struct pt *guardian, *spawner;
};

void instance_make(struct instance *in, uint32_t capacity);
/* Ends nothing: stop the daemons first. Removes home and segment. */
void instance_remove(struct instance *in);

/* Add a row in state STOPPED, with its FIFO run/NAME.out; returns the slot. */
uint32_t instance_add(struct instance *in, const char *name, enum pt_service service);
void instance_release(struct instance *in, uint32_t slot);
/* Publish that a run of this pid began, or whatever the caller puts into life. */
void instance_running(struct instance *in, uint32_t slot, pid_t pid);
void instance_life(struct instance *in, uint32_t slot, const struct pt_life *life);
/* The segment is made again, as a guardian does that found the old one damaged. */
void instance_replace(struct instance *in, uint32_t capacity, enum role role);

/* Start TEND_BIN/tend-ROLE; waits until it holds its lock if wait is true. */
pid_t instance_daemon(struct instance *in, enum role role, bool wait);
/* Send signo and return the wait status. */
int instance_end(pid_t pid, int signo);

/* Wait at most 10 s for something to become true. */
#define INSTANCE_AWAIT(cond) \
	do { \
		for (unsigned tries_ = 0; !(cond) && tries_ < 5000; tries_++) \
			instance_pause_ms(2); \
		ck_assert_msg(cond, "still not so after 10 s: %s", #cond); \
	} while (0)
void instance_pause_ms(unsigned ms);
void instance_pause_us(unsigned us);

#endif
