/*
 * client/ownregistry.h - the registry that tend runs, as it was written down when it was started.
 */
#ifndef CLIENT_OWNREGISTRY_H
#define CLIENT_OWNREGISTRY_H

#include <stdint.h>

#include "base/home.h"

struct ownregistry { /* texts "" and NULL, port 0: not known */
	char url[400], host[300];
	int64_t port;
	char *db; /* the path of its database */
};

/* Its address was written down, its database is in its specification. Free it with
 * ownregistry_done(). */
void ownregistry_load(const struct home *h, struct ownregistry *ret);
void ownregistry_done(struct ownregistry *r);

#endif
