/* monitor/probe_log.c - a line of the process's log that matches, within a time. Only what is new
 * is read, a bounded piece each time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/regex.h"
#include "monitor/probe.h"

#define PIECE_MAX      (256u << 10)
#define PIECES	       16u   /* at a time */
#define LINE_MAX_BYTES 4096u /* a longer line is looked at up to here */

static bool has_match(const regex_t *re, char *text, size_t n, size_t *ret_used)
{
	bool found = false;
	size_t at = 0;
	char *end;

	while (at < n && (end = memchr(text + at, '\n', n - at))) {
		size_t len = (size_t)(end - (text + at));

		text[at + (len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES)] = 0;
		found = found || regexec(re, text + at, 0, NULL, 0) == 0;
		at += len + 1;
	}
	*ret_used = at == 0 && n == PIECE_MAX
		? n
		: at; /* one line that fills all of it is passed over */
	return found;
}

static int open_log(const struct probe *p, struct stat *st)
{
	char file[PT_NAME_MAX + 8];
	int fd;

	(void)snprintf(file, sizeof(file), "%s.log", p->w->name);
	fd = io_open(p->w->mo->home.logs_fd, file, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0 && fstat(fd, st) < 0)
		io_close(&fd);
	return fd;
}

/* Go on in the file that is open. */
static void read_on(struct probe *p, const regex_t *re, char *text)
{
	struct stat st;
	size_t used;
	ssize_t n;

	if (fstat(p->log_fd, &st) < 0)
		return;
	if (p->log_at > (uint64_t)st.st_size) /* cut */
		p->log_at = 0;
	for (unsigned pieces = 0; pieces < PIECES; pieces++) {
		n = pread(p->log_fd, text, PIECE_MAX, (off_t)p->log_at);
		if (n <= 0)
			return;
		if (has_match(re, text, (size_t)n, &used))
			p->matched_ns = clock_boot_ns();
		p->log_at += used;
		if (used == 0)
			return;
	}
}

/* The file under its name may be another one than that which is open: that was rotated. Its end is
 * read first. */
static void read_new(struct probe *p, const regex_t *re)
{
	char *text = malloc(PIECE_MAX + 1);
	struct stat st;
	int fd;

	if (!text)
		return;
	fd = open_log(p, &st);
	if (p->log_fd > 0)
		read_on(p, re, text);
	if (fd > 0 && (p->log_fd <= 0 || (uint64_t)st.st_ino != p->log_inode)) {
		probe_log_stop(p);
		if (p->log_inode && (uint64_t)st.st_ino != p->log_inode)
			p->log_at = 0;
		p->log_fd = fd;
		p->log_inode = (uint64_t)st.st_ino;
		fd = -1;
		read_on(p, re, text);
	}
	io_close(&fd);
	free(text);
}

void probe_log_start(struct probe *p)
{
	struct stat st;
	int fd;

	probe_log_stop(p);
	p->matched_ns = 0;
	p->watched_ns = clock_boot_ns();
	p->log_at = p->w->log_begin;
	p->log_inode = p->w->log_inode;
	if (p->conf->kind != HEALTH_LOG)
		return;
	fd = open_log(p, &st); /* held from now on, so that a rotation takes nothing away */
	if (fd > 0 && (uint64_t)st.st_ino == p->log_inode) {
		p->log_fd = fd;
		fd = -1;
	}
	io_close(&fd);
}

void probe_log_stop(struct probe *p)
{
	if (p->log_fd > 0)
		io_close(&p->log_fd);
	p->log_fd = 0;
}

void probe_log_begin(struct probe *p)
{
	uint64_t now = clock_boot_ns(), within = p->conf->within_ms * NS_PER_MS;
	uint64_t since = p->matched_ns ? p->matched_ns : p->watched_ns;
	regex_t re;

	if (regex_compile(&re, p->conf->match, 0, NULL)) {
		probe_done(p, PROBE_FAILED, "its regular expression can't be used");
		return;
	}
	read_new(p, &re);
	regfree(&re);
	if (p->matched_ns &&
		(p->when == HEALTH_STARTUP || now - p->matched_ns < within || p->matched_ns > now))
		probe_done(p, PROBE_PASSED, "");
	else if (now - since < within)
		probe_done(p, PROBE_NO_RESULT, "");
	else
		probe_done(p, PROBE_FAILED, "no line of its log matched in time");
}
