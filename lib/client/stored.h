/*
 * client/stored.h - is there a specification of a name?
 */
#ifndef CLIENT_STORED_H
#define CLIENT_STORED_H

#include <stdbool.h>

/* In a home; NULL: $TEND_HOME or the default. False also where it can't be opened, and for what is
 * not a name. */
bool stored_has(const char *home, const char *name);

#endif
