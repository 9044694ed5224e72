/*
 * cli/story.h - what happened, and what will, in sentences: for status, why, events and a
 * foreground start.
 */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include <stdint.h>

#include "cli/view.h"
#include "shm/events.h"

#define STORY_MAX 512u

/* How a run ended: "exited with status 1", "was killed by SIGSEGV (core dumped)". Returns buf. */
const char *story_exit(unsigned exit_kind, int wait_status, char buf[static STORY_MAX]);

/* Why output is not captured, for a positive errno. */
const char *story_log_error(int error);

/* It runs, and its health is unhealthy or degraded. */
bool story_is_unhealthy(const struct view_row *r);

/* It is an agent that runs and shall be registered, and the monitor has looked and does not know
 * that it is. */
bool story_is_unregistered(const struct view_row *r);

/* What the registry's clock says of when it last saw an agent, where that is no time of the last
 * two minutes: "1 h ago", "1 h from now". "" elsewhere. Returns buf. */
const char *story_seen(const struct view_row *r, char buf[static STORY_MAX]);

/* Why a process is not running, or not well, in a few words for the status table: "exited with
 * status 1, restart limit 10/5m reached", "restarts in 3s (exited with status 1)". "" where there
 * is nothing to say. Returns buf. */
const char *story_note(const struct view *v, const struct view_row *r, char buf[static STORY_MAX]);

/* "web: running -> backoff (exited with status 1; restart in 250ms)". Returns buf. */
const char *story_event(const struct pt_event *e, char buf[static STORY_MAX]);

/* What will happen to it next, and when: one or two sentences. Returns buf. */
const char *story_next(const struct view *v, const struct view_row *r, char buf[static STORY_MAX]);

/* Write the decimal digits of a number so that they end before end; at most 20. Returns where they
 * begin. */
char *story_digits(uint64_t value, char *end);

/* "2.1G", "512K". Returns buf. */
const char *story_bytes(uint64_t bytes, char buf[static 24]);

#endif
