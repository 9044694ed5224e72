/* logger/name.h - the names of a stream's files, and whether they still lead to them. */
#ifndef LOGGER_NAME_H
#define LOGGER_NAME_H

#include "logger/logger.h"

#define NAME_FILE_MAX (PT_NAME_MAX + 16)

/* "STEM" with a suffix: NAME.out, NAME@err.log. Returns buf. */
const char *name_of(const struct stream *st, const char *suffix, char buf[static NAME_FILE_MAX]);
/* Does the name still lead to what fd has open? */
bool name_is_of(int fd, int dirfd, const char *name);

#endif
