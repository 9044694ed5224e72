/*
 * logread/unpack.h - LZ4 frames back into bytes.
 */
#ifndef LOGREAD_UNPACK_H
#define LOGREAD_UNPACK_H

#include "logread/segment.h"

/* One block of an archive. *buf grows as needed (*room), by a byte more than that, and stays the
 * caller's. -EBADMSG: damaged, f names the offset. */
int unpack_block(int fd, const struct archive_block *b, char **buf, size_t *room, struct fault *f);

/* Free what unpack_block() keeps for this thread; for one that ends before the program does. */
void unpack_done(void);

/* The whole of an LZ4 file without an index into a file that has no name, in c->scratch. Damage is
 * complained of, and reading goes on with the next frame. The descriptor, or -errno. */
int unpack_file(int fd, const char *name, const struct log_complain *c, uint64_t *ret_bytes);

#endif
