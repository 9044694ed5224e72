/*
 * base/fault.c - sentences for people.
 *
 * The system's reason is formatted first and the sentence is cut to what is left, because a long
 * path must not push out the one word ("Read-only file system") that explains the failure.
 */
#define _GNU_SOURCE 1
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static void __attribute__((format(printf, 3, 0)))
put(char *text, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(text, size, fmt, ap);

	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= size)
		text[utf8_cut(text, size - 1)] = '\0';
}

int fault_set(struct fault *f, int err, const char *fmt, ...)
{
	if (f) {
		va_list ap;

		va_start(ap, fmt);
		put(f->text, sizeof(f->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

int fault_errno(struct fault *f, int err, const char *fmt, ...)
{
	char reason[128];

	if (!f)
		return err;
	const char *known = strerrordesc_np(err < 0 ? -err : err);
	int n = known ? snprintf(reason, sizeof(reason), ": %s", known)
		      : snprintf(reason, sizeof(reason), ": error %d", err);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(reason) ? (size_t)n : sizeof(reason) - 1;

	va_list ap;
	va_start(ap, fmt);
	put(f->text, sizeof(f->text) - len, fmt, ap);
	va_end(ap);
	memcpy(f->text + strlen(f->text), reason, len + 1);
	return err;
}
