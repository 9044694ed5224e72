/* logger/file.h - the current log file of a stream. */
#ifndef LOGGER_FILE_H
#define LOGGER_FILE_H

#include "logger/logger.h"

/* The log file open, and still the one that its name leads to; *ret_size is where the next byte
 * belongs. What others took away or put there is counted. 0 or -errno. */
int file_need(struct stream *st, off_t *ret_size);
void file_close(struct stream *st);

/* Open whatever a stream needs, with a descriptor taken from a quiet one if none is left. The
 * descriptor, or -errno. */
int file_open(struct logger *lg, int dirfd, const char *name, int flags);
/* Close the files of others, to have descriptors for its own. */
void file_spare(const struct stream *st);

#endif
