/*
 * base/fault.h - an error that a person will read.
 *
 * A function that can fail for a reason which only it knows takes a struct fault and leaves one
 * sentence in it: what failed, on which path, and the system's reason. It still returns a negative
 * errno for the program. Callers that don't care pass NULL. The text never ends in a newline or a
 * full stop.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#define FAULT_MAX 512u /* bytes, final NUL included; longer texts are cut */

struct fault {
	char text[FAULT_MAX];
};

/* Store a sentence; f may be NULL. Returns err, so that "return fault_set(f, -EINVAL, ...)" reads
 * well. */
int fault_set(struct fault *f, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As fault_set(), with ": " and the system's text for err (a negative errno) behind the
 * sentence. */
int fault_errno(struct fault *f, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
