/*
 * cli/lastwords.h - the last that a process has written, beside the message that says what became
 * of it.
 */
#ifndef CLI_LASTWORDS_H
#define CLI_LASTWORDS_H

#include <stdint.h>

/* Its last lines, of both streams, on stderr, each behind two blanks; none that arrived before
 * since_real_ns. Returns how many. */
unsigned lastwords_tell(int logs_fd, const char *name, uint64_t since_real_ns);

#endif
