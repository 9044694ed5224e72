/*
 * base/say.c - one line, one write(2): lines of four daemons that share a file don't mix.
 */
#define _GNU_SOURCE 1
#include "base/say.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
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

/* The file that standard error is, if say_follow() was called for it: reopened when the name leads
 * elsewhere. */
static int follow_dir = -1;
static char follow_name[32];

/* What is said in a burst: so many lines at once, then so many a second. What is more is counted,
 * and told with the next line that passes. */
#define BURST_LINES 1000u
#define LINES_PER_S 100u
#define REPEAT_NS   (10 * NS_PER_SEC)
static uint64_t tokens = BURST_LINES, tokens_boot_ns, left_out;
static char last_raw[LINE_MAX_BYTES];
static enum say_level last_level;
static uint64_t repeats, repeat_boot_ns;
static pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;

/* A level that is not a level leaves the default: a daemon must not fail over how much it talks. */
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

void say_follow(int dirfd, const char *name)
{
	struct stat own, named;

	if (fstat(STDERR_FILENO, &own) < 0 || !S_ISREG(own.st_mode) ||
		fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		own.st_ino != named.st_ino || own.st_dev != named.st_dev)
		return;
	follow_dir = fcntl(dirfd, F_DUPFD_CLOEXEC, 0); /* the caller may replace its own */
	(void)str_copy(follow_name, sizeof(follow_name), name);
}

/* The file was rotated: go on in the new one. What can't be opened leaves us where we are. */
static void follow(void)
{
	struct stat own, named;
	int fd;

	if (follow_dir < 0 || fstat(STDERR_FILENO, &own) < 0)
		return;
	if (fstatat(follow_dir, follow_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		own.st_ino == named.st_ino && own.st_dev == named.st_dev)
		return;
	fd = io_open(follow_dir, follow_name, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY,
		0600);
	if (fd < 0)
		return;
	if (fstat(STDOUT_FILENO, &named) == 0 && named.st_ino == own.st_ino &&
		named.st_dev == own.st_dev)
		(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	io_close(&fd);
}

/* Written to a file that was removed between the look and the write? */
static bool is_lost(void)
{
	struct stat own;

	return follow_dir >= 0 && fstat(STDERR_FILENO, &own) == 0 && own.st_nlink == 0;
}

static void put_line(enum say_level level, const char *raw)
{
	char line[LINE_MAX_BYTES], when[CLOCK_TEXT_MAX];
	int head = snprintf(line, sizeof(line), "%s %s [%s] ", clock_rfc3339(clock_real_ns(), when),
		(size_t)level < LEVELS ? level_names[level] : "?", said_by);
	size_t len = (size_t)head;
	ssize_t n;

	/* the newline needs one byte of it */
	len += str_visible(line + len, sizeof(line) - 1 - len, raw);
	line[len++] = '\n';
	for (int tries = 0; tries < 2; tries++) {
		follow();
		do
			n = write(STDERR_FILENO, line, len);
		while (n < 0 && errno == EINTR);
		if (!is_lost())
			break;
	}
}

static void put_repeats(void)
{
	char text[80];

	if (repeats) {
		(void)snprintf(text, sizeof(text), "the last message was repeated %llu times",
			(unsigned long long)repeats);
		put_line(last_level, text);
	}
	repeats = 0;
}

/* May one more line be written? */
static bool take_token(uint64_t now)
{
	uint64_t more = (now - tokens_boot_ns) / (NS_PER_SEC / LINES_PER_S);
	char text[80];

	if (more) {
		tokens = tokens + more < BURST_LINES ? tokens + more : BURST_LINES;
		tokens_boot_ns = now;
	}
	if (!tokens) {
		left_out++;
		return false;
	}
	tokens--;
	if (left_out) {
		(void)snprintf(text, sizeof(text), "%llu messages were left out, too many at once",
			(unsigned long long)left_out);
		left_out = 0;
		put_line(SAY_WARNING, text);
	}
	return true;
}

/* The same as the line before, within a short time: only counted. */
static bool is_repeated(enum say_level level, const char *raw, uint64_t now)
{
	if (level == last_level && strcmp(raw, last_raw) == 0 && now - repeat_boot_ns < REPEAT_NS) {
		repeats++;
		return true;
	}
	put_repeats();
	last_level = level;
	(void)str_copy(last_raw, sizeof(last_raw), raw);
	repeat_boot_ns = now;
	return false;
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
	uint64_t now = clock_boot_ns();
	(void)pthread_mutex_lock(&say_lock);
	if (!is_repeated(level, n < 0 ? fmt : raw, now) && take_token(now))
		put_line(level, n < 0 ? fmt : raw);
	(void)pthread_mutex_unlock(&say_lock);
	errno = saved;
}

void die_bug(const char *file, int line, const char *what)
{
	char raw[LINE_MAX_BYTES];

	(void)snprintf(raw, sizeof(raw), "bug: %s:%d: %s", file, line, what);
	put_line(SAY_ERROR, raw);
	abort();
}
