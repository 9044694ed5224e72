/*
 * client/logs.h - logs of an instance as entries, not as text: what is there, the newest of it or
 * from a time on, and then what comes, with a descriptor to wait for it by.
 *
 * What was written to standard output and to standard error comes as one row, by time. A rotation
 * in between costs no line and repeats none.
 */
#ifndef CLIENT_LOGS_H
#define CLIENT_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/home.h"
#include "logread/stream.h"

struct logs_query {
	struct log_query match;
	/* of what matches and is there now only the newest so many; 0: all, LOGS_NONE: nothing */
	uint64_t newest;
	bool follow; /* then what comes */
	/* hears what is damaged or can't be read; the rest is handed out. May be left empty */
	struct log_complain complain;
};
#define LOGS_NONE UINT64_MAX

struct logs_entry {
	const char *name;     /* the process */
	bool err;	      /* it wrote to standard error */
	uint64_t time_ns;     /* what the line says, else when it arrived; 0: not known */
	enum log_level level; /* its own, or that of the entry that it continues */
	const char *text;     /* without its line end; any bytes */
	size_t len;
	bool whole; /* it has a line end; else the rest may come as another one */
};

struct logs;

/* The logs of n processes, or with 0 of all, tend's own included. A process that has written
 * nothing yet is no error; with follow its lines come once it does. q is copied, what it points to
 * must stay. -ENOENT: the home has no logs yet. */
int logs_open(const struct home *h, char *const *name, size_t n, const struct logs_query *q,
	struct logs **ret, struct fault *f);
/* 1: *ret is the next one, good until the next call. 0: there is nothing now, and without follow no
 * more at all. Or -errno. Does not sleep, but for the disk. */
int logs_next(struct logs *l, struct logs_entry *ret, struct fault *f);
/* Can be read when logs_next() may have more after it had nothing; for poll() and epoll. -1 without
 * follow. */
int logs_fd(const struct logs *l);
void logs_close(struct logs *l);

#endif
