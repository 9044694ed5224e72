/*
 * logger/leftlogs.c - logs of processes that were removed. Where all logs together have a limit
 * ($TEND_LOG_TOTAL_BYTES) they count, too: their last file is rotated, and from then on they are
 * shelves like the others, the oldest file of all going first.
 *
 * Without that limit they stay as they are. What other programs put into the folder is left alone:
 * numbers of nine digits are ours, and a current file is ours if it is the one that our time index
 * beside it speaks of.
 */
#define _GNU_SOURCE 1
#include "logger/leftlogs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/say.h"
#include "logger/tidx.h"
#include "logread/format.h"

static bool has_shelf(const struct logger *lg, const char *base)
{
	if (strcmp(lg->own.base, base) == 0)
		return true;
	for (uint32_t i = 0; i < lg->slots; i++)
		for (const struct stream *st = lg->by_slot[i]; st; st = st->err)
			if (strcmp(st->shelf.base, base) == 0)
				return true;
	for (size_t i = 0; i < lg->leftlogs_n; i++)
		if (strcmp(lg->leftlogs[i]->base, base) == 0)
			return true;
	return false;
}

/* "NAME.log" of "NAME.log" and "NAME.log.000000001...": false for other names. */
static bool base_of(const char *name, char base[static LOG_NAME_MAX])
{
	const char *end = strstr(name, ".log");

	while (end && end[4] &&
		(end[4] != '.' || strspn(end + 5, "0123456789") != LOG_NUMBER_DIGITS))
		end = strstr(end + 1, ".log");
	if (!end || end == name || (size_t)(end - name) + 5 > LOG_NAME_MAX)
		return false;
	(void)snprintf(base, LOG_NAME_MAX, "%.*s", (int)(end - name) + 4, name);
	return true;
}

/* The file that was its current one gets a number. */
static void close_current(struct shelf *sh)
{
	int dirfd = sh->lg->home.logs_fd,
	    fd = io_open(dirfd, sh->base, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char idx[LOG_NAME_MAX];
	uint32_t number;
	struct stat sb;

	if (fd < 0)
		return;
	(void)snprintf(idx, sizeof(idx), "%.80s.idx", sh->base);
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0 &&
		tidx_first(dirfd, idx, (uint64_t)sb.st_ino)) {
		int r = shelf_rotate(sh, fd, &number);

		if (r)
			say(SAY_WARNING, "can't rotate logs/%s, whose process was removed: %s",
				sh->base, strerror(-r));
	}
	io_close(&fd);
}

static void adopt(struct logger *lg, const struct catalog *c, const char *base)
{
	struct shelf *sh = calloc(1, sizeof(*sh) + strlen(base) + 1);
	struct shelf **more = sh
		? reallocarray(lg->leftlogs, lg->leftlogs_n + 1, sizeof(struct shelf *))
		: NULL;
	uint64_t marked;

	if (!more) {
		free(sh);
		return;
	}
	lg->leftlogs = more;
	shelf_init(sh, lg, NULL, strcpy((char *)(sh + 1), base));
	shelf_load(sh, c, &marked);
	close_current(sh);
	if (sh->n) {
		lg->leftlogs[lg->leftlogs_n++] = sh;
		return;
	}
	shelf_free(sh);
	free(sh);
}

void leftlogs_find(struct logger *lg, const struct catalog *c)
{
	char base[LOG_NAME_MAX];

	for (size_t i = 0; lg->total_bytes && i < c->n; i++)
		if (base_of(c->names[i], base) && !has_shelf(lg, base))
			adopt(lg, c, base);
}

static void drop(struct logger *lg, size_t i)
{
	struct shelf *sh = lg->leftlogs[i];

	lg->leftlogs[i] = lg->leftlogs[--lg->leftlogs_n];
	shelf_free(sh);
	free(sh);
}

void leftlogs_claim(struct logger *lg, const char *base)
{
	for (size_t i = 0; i < lg->leftlogs_n; i++)
		if (strcmp(lg->leftlogs[i]->base, base) == 0) {
			drop(lg, i);
			return;
		}
}

void leftlogs_free(struct logger *lg)
{
	while (lg->leftlogs_n)
		drop(lg, lg->leftlogs_n - 1);
	free(lg->leftlogs);
	lg->leftlogs = NULL;
}
