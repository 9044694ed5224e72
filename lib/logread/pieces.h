/*
 * logread/pieces.h - whole reads at an offset. Private to logread/.
 */
#ifndef LOGREAD_PIECES_H
#define LOGREAD_PIECES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All of it, or -ENODATA (the file ends within), or -errno. */
int piece_read(int fd, void *buf, size_t bytes, uint64_t offset);
/* As much as there is; the number of bytes or -errno. */
ssize_t piece_read_some(int fd, void *buf, size_t bytes, uint64_t offset);

#endif
