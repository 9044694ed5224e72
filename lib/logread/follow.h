/*
 * logread/follow.h - logs as they grow. The caller sleeps on inotify; a rotation, an archive or a
 * truncation in between costs no line and repeats none.
 *
 * USED BY   cli/, tests.
 */
#ifndef LOGREAD_FOLLOW_H
#define LOGREAD_FOLLOW_H

#include "logread/merge.h"

struct follow;

/* What is new; false: stop behind this one. */
typedef bool follow_fn(void *arg, const struct log_entry *e);

/* q and c must outlive it. */
int follow_open(const struct log_query *q, const struct log_complain *c, follow_fn *fn, void *arg,
	struct follow **ret, struct fault *f);
void follow_close(struct follow *w);

/* Go on behind what s has seen (but for a last line without its end); s NULL: behind nothing. The
 * place is copied, its dirfd is the caller's. */
int follow_add(struct follow *w, const struct log_place *place, struct stream *s, struct fault *f);
/* Wake for what happens in a folder, also where nothing in it is followed yet. */
int follow_watch(struct follow *w, int dirfd, struct fault *f);
/* Is this log among them, by what its entries bear? */
bool follow_has(const struct follow *w, const struct log_place *place);

/* Hand out all that is there. 0; 1: fn said stop, and the next call goes on behind that; or
 * -errno. */
int follow_drain(struct follow *w);
/* Can be read once something has changed in a folder; for poll(2). */
int follow_fd(const struct follow *w);
/* What has changed, if anything. *ret_names: files came or went. 0 or -errno; never sleeps. */
int follow_changes(struct follow *w, bool *ret_names);

#endif
