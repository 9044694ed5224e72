/*
 * client/changes.h - the change counter of an instance's table as a descriptor, for poll(), epoll
 * and others who wait for several things at once.
 *
 * The counter is a futex, which poll() can't wait for: behind each of these a thread with an
 * attachment of its own turns it into an eventfd. A home may have none yet, or no table, and its
 * table may be made again: that is noticed within a second, and so is the death of a daemon, which
 * changes what the table is worth and is noted by nobody when all have died.
 */
#ifndef CLIENT_CHANGES_H
#define CLIENT_CHANGES_H

#include <stdbool.h>

#include "base/fault.h"

struct changes;

/* home NULL: $TEND_HOME or the default, as it is now. 0 or -errno. */
int changes_open(const char *home, struct changes **ret, struct fault *f);
/* Can be read once something has changed since changes_take(), and at first as soon as there is a
 * table. It stays this one's: take it out of an epoll set before it is closed. */
int changes_fd(const struct changes *c);
/* Take note of what has changed, then look. True: there is another table than before, or none:
 * attach again (instance_attach()) and load everything anew. Never sleeps. */
bool changes_take(struct changes *c);
/* NULL is fine. Does not wait: the thread ends by itself within a second, and touches nothing of
 * the caller's. */
void changes_close(struct changes *c);

#endif
