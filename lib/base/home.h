/*
 * base/home.h - one instance of tend: its home folder, what lies where in it, and the name of its
 * segment.
 *
 *   HOME/run/            role locks, doorbells (bell.ROLE), NAME.in and NAME.out
 *                        FIFOs, start.lock, config.lock, specs.lock                       0700
 *   HOME/logs/           NAME.log, tend.log                                               0700
 *   HOME/specs/          NAME.json: how to run a process                                  0700
 *   HOME/processes.json  what is desired, and who ran last                                0600
 *   HOME/cli_config.json what was configured (config/cliconf.h)                           0600
 *
 * The home is $TEND_HOME, else ~/.mcp_mesh (the reference's). It must belong to the caller's
 * effective user and must not be writable by others: what runs from it runs with that user's
 * rights.
 */
#ifndef BASE_HOME_H
#define BASE_HOME_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

struct home {
	char path[PATH_MAX]; /* absolute, symbolic links resolved */
	char segment[64];    /* "/tend-UID-HASH", as for shm_open() */
	uint64_t id;	     /* hash of path: the instance */
	/* directory descriptors; -1 where the folder does not exist */
	int fd, run_fd, logs_fd, specs_fd;
};

#define HOME_INIT \
	{ \
		.fd = -1, .run_fd = -1, .logs_fd = -1, .specs_fd = -1 \
	}

/* Names on which programs agree. FIFOs of a process, behind its name, in run/: */
#define HOME_ERR_MARK "@err" /* standard error, where it is separate */
#define HOME_IN_FIFO  ".in"
#define HOME_OUT_FIFO ".out"
#define HOME_ERR_FIFO HOME_ERR_MARK HOME_OUT_FIFO

#define HOME_REGISTRY_FILE "registry.url" /* in run/: where the registry that was started answers */
#define HOME_AGENTS_FILE   "agents.json"  /* in run/: what the registry lists, as last heard */
#define HOME_LOG_FILE	   "tend.log"	  /* in logs/: what the daemons have to say */

/* Files in run/ by which programs of different builds understand each other: where the guardian
 * shall go on (by tend upgrade), and what a spawner leaves to the next one. */
#define HOME_UPGRADE_FILE  "upgrade"
#define HOME_HANDOVER_FILE "handover"

/* A process's own read ends of its output FIFOs, the last resort that keeps a reader in existence.
 * High, so that programs which number their descriptors from 3 on don't meet them; below the
 * smallest usual limit of 256. The second is that of standard error's own FIFO. */
#define HOME_KEEPER_FD	   200
#define HOME_KEEPER_ERR_FD 201

enum home_open { HOME_READ, HOME_CREATE };

/* Open the home. path NULL = $TEND_HOME or the default. HOME_READ: -ENOENT if there is none, and
 * missing subfolders are left at -1. HOME_CREATE: makes whatever is missing, 0700. Errors name the
 * path: not a folder, someone else's, writable by others, read-only. */
int home_open(const char *path, enum home_open how, struct home *ret, struct fault *f);
/* The names that a home has which is not there (-ENOENT of home_open()), with nothing open. */
int home_name_missing(const char *path, struct home *ret);
/* Make and open the subfolders that were missing when it was opened. Errors as home_open(). */
int home_complete(struct home *h, struct fault *f);
void home_close(struct home *h);

/* Where the home is, or would be made, without opening it. */
int home_wanted(const char *path, char buf[static PATH_MAX], struct fault *f);

/* The folder that holds tend's own daemons, from where the calling program lies: beside it
 * (build/bin), else ../libexec/tend. buf gets the absolute path of the program "tend-ROLE". -ENOENT
 * with the places tried. */
int home_program(const char *name, char buf[static PATH_MAX], struct fault *f);

#endif
