/*
 * client/lastwords.h - the last that a process has written, beside the message that says what
 * became of it.
 */
#ifndef CLIENT_LASTWORDS_H
#define CLIENT_LASTWORDS_H

#include <stdint.h>

#define LASTWORDS_LINES 5u   /* of each of the two streams */
#define LASTWORDS_BYTES 400u /* of each line, which grow where they are made visible */
#define LASTWORDS_MAX	(2 * LASTWORDS_LINES * (4 * LASTWORDS_BYTES + 1) + 1)

/* Its last lines, of both streams, control characters made visible, each with a newline; none that
 * arrived before since_real_ns. "" = it has written nothing. Returns buf. */
const char *lastwords(
	int logs_fd, const char *name, uint64_t since_real_ns, char buf[static LASTWORDS_MAX]);

#endif
