/*
 * shm/explain.h - a segment as text, for people: "tend doctor", tests, and whoever has a copy of
 * one to understand.
 *
 * Takes any file: damaged, cut short, of another version, or no segment at all. It is copied first
 * and only the copy is looked at, so it may change or shrink meanwhile. A copy of a segment in use
 * may show a block that was being replaced; looking again settles that.
 */
#ifndef SHM_EXPLAIN_H
#define SHM_EXPLAIN_H

#include <stdio.h>

/* Print the segment that lies behind fd (readable from its beginning; the position is not used).
 * What is wrong stands
 * on lines that begin with "  ! ". 0: nothing is wrong. -EBADMSG: something is, and was printed.
 *                             Else it could not be
 * read (-EINVAL: no regular file) or printed. */
int pt_explain(int fd, FILE *out);

#endif
