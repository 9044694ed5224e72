/*
 * client/watcher.h - who waits while something is done: what he may hear of it, and how he says
 * that he has enough.
 *
 * What acts says nothing by itself; it calls these, from the thread that it was called in. Each
 * hook may be NULL, and so may a watcher be: then nobody hears, and nobody interrupts.
 */
#ifndef CLIENT_WATCHER_H
#define CLIENT_WATCHER_H

#include <stdbool.h>
#include <stdint.h>

enum heard {
	HEARD_DONE,	 /* what was done */
	HEARD_COMPLAINT, /* what went wrong */
	HEARD_QUOTE,	 /* a line quoted beneath a complaint: what a process has written last */
};

struct watcher {
	void *arg;
	/* A sentence, as it comes. */
	void (*hear)(void *arg, enum heard kind, const char *text);
	/* It may take long until the next one: what was heard so far should be seen now. */
	void (*pause)(void *arg);
	/* What is waited for, and since when (clock_boot_ns()); about once a second. NULL: it has
	 * come. */
	void (*wait)(void *arg, const char *what, uint64_t since_boot_ns);
	/* How often he has asked for an end (Ctrl-C) until now. A system call that waits is
	 * interrupted where this rises. */
	int (*stops)(void *arg);
};

void watcher_hear(const struct watcher *w, enum heard kind, const char *text);
void watcher_pause(const struct watcher *w);
void watcher_wait(const struct watcher *w, uint64_t since_boot_ns, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void watcher_came(const struct watcher *w);
int watcher_stops(const struct watcher *w);

#endif
