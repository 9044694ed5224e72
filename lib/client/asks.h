/*
 * client/asks.h - asking the daemons (client/ask.h) without waiting: post now, and take the answers
 * as they come, with a descriptor for poll(), epoll and others who wait for several things at once.
 *
 * Behind what is posted at once a thread with an attachment of its own waits as a command does,
 * through the death of any daemon and tables that are made again.
 */
#ifndef CLIENT_ASKS_H
#define CLIENT_ASKS_H

#include <stddef.h>

#include "client/ask.h"

struct asks;

struct asked { /* what became of one asks_post() */
	void *arg;
	int error;	  /* -errno: not all have an answer */
	struct fault why; /* then */
	struct ask *list; /* as they were posted, with their answers; malloc'ed */
	size_t n;
};

/* home NULL: $TEND_HOME or the default, as it is now. 0 or -errno. */
int asks_open(const char *home, struct asks **ret, struct fault *f);
/* Post n; a is copied, without specification texts (ask.spec_text). arg comes back with what
 * becomes of it. 0, or -errno: nothing is posted. */
int asks_post(struct asks *s, const struct ask *a, size_t n, void *arg, struct fault *f);
/* Can be read once asks_take() may have something. It stays these' own: take it out of an epoll set
 * before they are closed. */
int asks_fd(const struct asks *s);
/* The next one of which something became: true, and *ret is the caller's, to free with
 * asked_done(). False: none now. Never sleeps. */
bool asks_take(struct asks *s, struct asked *ret);
void asked_done(struct asked *a);
/* NULL is fine. What was posted stays posted; nobody waits for it, and the threads end by
 * themselves within a second or two. */
void asks_close(struct asks *s);

#endif
