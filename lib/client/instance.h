/*
 * client/instance.h - one instance: its home, and an attachment to its table.
 */
#ifndef CLIENT_INSTANCE_H
#define CLIENT_INSTANCE_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/home.h"
#include "base/role.h"
#include "shm/owner.h"
#include "shm/table.h"

struct instance {
	struct home home;
	struct pt *pt; /* NULL until attached */
	enum pt_access access;
};

#define INSTANCE_NONE \
	{ \
		.home = HOME_INIT \
	}

/* Open the home (NULL: $TEND_HOME or the default) and attach to its table. -ENOENT: there is no
 * home, or no table and no daemon that would make one. A table that is missing or damaged while its
 * daemons live is being made again, or will be once the guardian hears of it: that is waited for,
 * up to a second. */
int instance_open(struct instance *in, const char *home, enum pt_access access, struct fault *f);
void instance_close(struct instance *in);

/* (Re)attach; the old attachment is given up only once there is a new one. */
int instance_attach(struct instance *in, struct fault *f);
/* After -ENOENT: does a daemon live nevertheless? f says what is the matter then. */
bool instance_tableless(const struct home *h, struct fault *f);
/* Does the attachment still show what the daemons write? False: instance_attach() again. */
bool instance_current(const struct instance *in);

/* Does the table have its name? It is made before a guardian says that it is ready, and removed
 * last. */
bool instance_has_table(const struct home *h);
/* Does someone hold the lock of this role? */
bool instance_role_held(const struct home *h, enum role role);

/* A nap, for the few things that no event announces. */
void instance_nap(unsigned ms);

/* How many processes of the instance live. For where it has no table: all its daemons have died
 * then, and the table is lost as well. */
size_t instance_left(const struct home *h);

#endif
