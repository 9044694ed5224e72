/* logread/pieces.c - whole reads at an offset (logread/pieces.h). */
#include "logread/pieces.h"

#include <errno.h>
#include <unistd.h>

ssize_t piece_read_some(int fd, void *buf, size_t bytes, uint64_t offset)
{
	size_t have = 0;

	while (have < bytes) {
		ssize_t n = pread(fd, (char *)buf + have, bytes - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int piece_read(int fd, void *buf, size_t bytes, uint64_t offset)
{
	ssize_t n = piece_read_some(fd, buf, bytes, offset);

	if (n < 0)
		return (int)n;
	return (size_t)n == bytes ? 0 : -ENODATA;
}
