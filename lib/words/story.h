/*
 * words/story.h - what happened, and what will, in sentences: for status, why, events and a
 * foreground start.
 */
#ifndef WORDS_STORY_H
#define WORDS_STORY_H

#include <stdint.h>

#include "client/view.h"
#include "shm/events.h"

#define STORY_MAX 512u

/* It runs, and its health is unhealthy or degraded. */
bool story_is_unhealthy(const struct view_row *r);

/* It is an agent that runs and shall be registered, and the monitor has looked and does not know
 * that it is. */
bool story_is_unregistered(const struct view_row *r);

/* Why a process is not running, or not well, in a few words for the status table: "exited with
 * status 1, restart limit 10/5m reached", "restarts in 3s (exited with status 1)". "" where there
 * is nothing to say. Returns buf. */
const char *story_note(const struct view *v, const struct view_row *r, char buf[static STORY_MAX]);

/* Where a clock is wrong, by what the registry says of when it last saw an agent, that sentence;
 * false: none is. */
bool story_clock(const struct view_row *r, char buf[static STORY_MAX]);

/* "web: running -> backoff (exited with status 1; restart in 250ms)". Returns buf. */
const char *story_event(const struct pt_event *e, char buf[static STORY_MAX]);

/* What will happen to it next, and when: one or two sentences. Returns buf. */
const char *story_next(const struct view *v, const struct view_row *r, char buf[static STORY_MAX]);

#endif
