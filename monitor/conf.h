/*
 * monitor/conf.h - what the files say of health: HOME/monitor.json and the configuration for all
 * processes, specs/NAME.json for one. They may change at any time; what is wrong changes nothing
 * and is reported.
 */
#ifndef MONITOR_CONF_H
#define MONITOR_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/fault.h"
#include "base/home.h"
#include "config/health.h"

#define CONF_WHY_MAX 160u

/* By which a change of a file is noticed; all zero = it is not there. */
struct conf_stamp {
	struct timespec changed;
	uint64_t inode, size;
};

/* Take the present stamp of the file. True if it differs from what was in s. */
bool conf_stamp_take(int dirfd, const char *name, struct conf_stamp *s);

struct conf_all {
	struct health_all health;
	uint32_t check_interval_s; /* of policies that name none */
	struct conf_stamp health_file, conf_file;
	/* why that file is not in force; empty = it is */
	char health_error[CONF_WHY_MAX], conf_error[CONF_WHY_MAX];
};

void conf_all_init(struct conf_all *c);
void conf_all_done(struct conf_all *c);
/* Read again what has changed. True if something has; a file that can't be used leaves in force
 * what was. */
bool conf_all_refresh(struct conf_all *c, const struct home *h);

struct conf_own {		   /* what the spec of one process says to us */
	char *health;		   /* the object "health", malloc'ed; NULL = it has none */
	bool no_registry;	   /* no registry is asked about it */
	uint32_t check_interval_s; /* 0 = none */
};

/* -ENOENT and other errors of the spec itself: f. */
int conf_own_read(const struct home *h, const char *name, struct conf_own *ret, struct fault *f);

#endif
