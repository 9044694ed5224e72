/*
 * client/group.h - groups of processes: "@NAME" where names are asked for. A process belongs to the
 * group that "tend start --group" gave it, which is kept in its specification alone: groups are for
 * those who type, no daemon knows them.
 */
#ifndef CLIENT_GROUP_H
#define CLIENT_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/home.h"
#include "base/str.h"
#include "client/outcome.h"

/* Does it name a group? */
bool group_is(const char *operand);
/* Is the process in the group that operand ("@NAME") means? */
bool group_holds(const struct home *h, const char *operand, const char *name);
/* The names of all stored processes in that group (NULL: of all), sorted, whether they run or not;
 * *ret is the caller's, to free with group_free(). None, or -errno with f set. A specification that
 * can't be read belongs to no group. */
int group_members(
	const struct home *h, const char *operand, char ***ret, size_t *ret_n, struct fault *f);
/* All groups that there are, each once. */
int group_all(const struct home *h, char ***ret, size_t *ret_n, struct fault *f);
void group_free(char **names, size_t n);
/* The group of a stored process; false: it is in none. */
bool group_of(const struct home *h, const char *name, char group[static NAME_MAX_BYTES]);
/* Put a stored process into a group, or into none (""); it may run meanwhile. Returns 1 if that is
 * a change, 0 if it is there already, or -errno with f set. */
int group_put(const struct home *h, const char *name, const char *group, const struct watcher *w,
	struct fault *f);
/* "no process is in the group NAME": an outcome, and a complaint. */
void group_empty(struct outcomes *oc, const char *operand);

#endif
