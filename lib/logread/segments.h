/*
 * logread/segments.h - the files of one log in reading order. All are open, so that it does not
 * matter any more what is rotated, archived or removed afterwards; archives wait for
 * segment_ready() where the caller says so.
 *
 * USED BY   logread/, cli/, tests.
 */
#ifndef LOGREAD_SEGMENTS_H
#define LOGREAD_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logread/segment.h"

struct segments {
	struct segment *list;
	size_t n;
};

enum segments_how {
	SEGMENTS_OPEN, /* all */
	/* archives later: a history may hold hundreds, and who reads it from its end seldom gets to
	 * them. Only retention removes one in between, and who comes too late for the oldest lines
	 * does not miss them. bytes, file_bytes and inode of archives are 0 until then. */
	SEGMENTS_LAZY
};

/* All files of the log called stem ("web", "web@err"). What is rotated or archived meanwhile is
 * followed. above: only numbers above it. None at all is no error. The caller frees; dirfd must
 * stay open until then. */
int segments_open(int dirfd, const char *stem, uint32_t above, enum segments_how how,
	const struct log_complain *c, struct segments *ret, struct fault *f);
void segments_close(struct segments *s);

/* The stems of all logs in a folder, sorted, NAME@err right behind NAME, malloc'ed; standard
 * error's own (…@err) are left out if err is false. */
int segments_stems(int dirfd, bool err, char ***ret, size_t *ret_n);
void segments_stems_free(char **stems, size_t n);

#endif
