/*
 * base/say.c - one line, one write(2): lines of four daemons that share a file don't mix.
 */
#define _GNU_SOURCE 1
#include "base/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define LINE_MAX_BYTES 1024u

static const char *const level_names[] = {
	[SAY_DEBUG] = "DEBUG",
	[SAY_INFO] = "INFO",
	[SAY_WARNING] = "WARNING",
	[SAY_ERROR] = "ERROR",
};
#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

static char said_by[32] = "tend";
static enum say_level lowest = SAY_INFO;

/* A level that is no level leaves the default: a daemon must not fail over how much it talks. */
static enum say_level level_from(const char *text)
{
	for (size_t i = 0; text && i < LEVELS; i++)
		if (!strcasecmp(text, level_names[i]))
			return (enum say_level)i;
	if (text && !strcasecmp(text, "WARN"))
		return SAY_WARNING;
	if (text && !strcasecmp(text, "CRITICAL"))
		return SAY_ERROR;
	return SAY_INFO;
}

void say_init(const char *who)
{
	(void)str_copy(said_by, sizeof(said_by), who);
	lowest = level_from(getenv("TEND_LOG_LEVEL"));
}

static void put_line(enum say_level level, const char *raw)
{
	char line[LINE_MAX_BYTES], when[CLOCK_TEXT_MAX];
	int head = snprintf(line, sizeof(line), "%s %s [%s] ", clock_rfc3339(clock_real_ns(), when),
			    (size_t)level < LEVELS ? level_names[level] : "?", said_by);
	size_t len = (size_t)head;
	ssize_t n;

	len += str_visible(line + len, sizeof(line) - 1 - len, raw); /* the newline needs one byte of it */
	line[len++] = '\n';
	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR);
}

void say(enum say_level level, const char *fmt, ...)
{
	int saved = errno;
	char raw[LINE_MAX_BYTES];
	va_list ap;

	if (level < lowest)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	put_line(level, n < 0 ? fmt : raw);
	errno = saved;
}

void die_bug(const char *file, int line, const char *what)
{
	char raw[LINE_MAX_BYTES];

	(void)snprintf(raw, sizeof(raw), "bug: %s:%d: %s", file, line, what);
	put_line(SAY_ERROR, raw);
	abort();
}
