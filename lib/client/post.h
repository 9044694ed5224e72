/*
 * client/post.h - posting requests into the table, whatever became of its lock.
 */
#ifndef CLIENT_POST_H
#define CLIENT_POST_H

#include "client/instance.h"
#include "shm/ring.h"

/* As pt_post(), for five seconds. A lock that is beyond repair has the guardian make the table
 * again, and in is attached to that. Returns how many were posted; -EAGAIN: no entry is free; else
 * -errno, and f names who holds the lock. */
int post_requests(struct instance *in, const struct pt_request *req, unsigned n,
	struct pt_ticket *tickets, struct fault *f);

#endif
