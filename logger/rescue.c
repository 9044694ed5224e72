/* logger/rescue.c - see logger/rescue.h. */
#define _GNU_SOURCE 1
#include "logger/rescue.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/pidref.h"
#include "base/say.h"
#include "logger/logger.h"
#include "logger/name.h"

struct rescued {
	struct rescued *next;
	uint32_t slot, gen;
	int fd;
	bool err;
};

static void look(struct logger *lg, const struct pt_row *row, bool err)
{
	char own[40], name[NAME_FILE_MAX];
	struct stat st, named, run;
	struct rescued *r;

	snprintf(own, sizeof(own), "/proc/%d/fd/%d", (int)row->life.pid,
		err ? HOME_KEEPER_ERR_FD : HOME_KEEPER_FD);
	snprintf(name, sizeof(name), "%s%s", row->ident.name, err ? HOME_ERR_FIFO : HOME_OUT_FIFO);
	if (stat(own, &st) < 0 || !S_ISFIFO(st.st_mode) || fstat(lg->home.run_fd, &run) < 0 ||
		st.st_dev != run.st_dev)
		return;
	if (fstatat(lg->home.run_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		named.st_ino == st.st_ino && named.st_dev == st.st_dev)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	/* Not io_open(): this link is the kernel's, and is to be followed. The identity is checked
	 * afterwards, since the number may be another's by now. */
	*r = (struct rescued){
		.next = lg->rescued, .slot = row->slot, .gen = row->gen, .err = err
	};
	r->fd = open(own, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (r->fd < 0 || !pid_alive(row->life.pid, row->life.start_ticks)) {
		io_close(&r->fd);
		free(r);
		return;
	}
	say(SAY_WARNING,
		"%s: run/%s is not what the process writes to; it was taken away or replaced. Going on with the process's own end",
		row->ident.name, name);
	lg->rescued = r;
}

void rescue_begin(struct logger *lg)
{
	uint32_t high = pt_high(lg->pt);
	struct pt_row row;

	for (uint32_t i = 0; i < high; i++) {
		if (!(pt_gen(lg->pt, i) & 1) || pt_read_blocks(lg->pt, i, 0, &row) < 0 ||
			row.life.pid <= 0)
			continue;
		look(lg, &row, false);
		if (row.ident.separate_stderr)
			look(lg, &row, true);
	}
}

int rescue_take(struct stream *st)
{
	for (struct rescued **at = &st->lg->rescued; *at; at = &(*at)->next) {
		struct rescued *r = *at;
		int fd = r->fd;

		if (r->slot != st->slot || r->gen != st->main->log.gen ||
			r->err != (st != st->main))
			continue;
		*at = r->next;
		free(r);
		return fd;
	}
	return -1;
}

void rescue_end(struct logger *lg)
{
	while (lg->rescued) {
		struct rescued *r = lg->rescued;

		lg->rescued = r->next;
		io_close(&r->fd);
		free(r);
	}
}
