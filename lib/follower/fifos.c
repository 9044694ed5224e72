/*
 * follower/fifos.c - see follower/fifos.h.
 *
 * As long as one reader exists, a process that writes gets neither SIGPIPE nor an error, and what
 * it wrote stays in the pipe for the next logger. Each holder opens the FIFO itself: O_NONBLOCK
 * belongs to the open description.
 */
#define _GNU_SOURCE 1
#include "follower/fifos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/say.h"
#include "shm/owner.h"

static int open_fifo(const struct fifos *f, struct fifos_row *r, const char *of, const char *suffix)
{
	char name[80];
	int fd;

	(void)snprintf(name, sizeof(name), "%s%s", of, suffix);
	fd = io_open(f->home->run_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (io_is_scarce(fd, IO_SPARE_FDS)) {
		io_close(&fd);
		fd = -EMFILE;
	}
	if (fd < 0 && fd != -ENOENT && !r->told)
		say(SAY_WARNING, "cannot hold run/%s: %s, ignoring", name, strerror(-fd));
	r->told |= fd < 0 && fd != -ENOENT;
	return fd;
}

/* A new run writes to what has the name now, which is another FIFO where somebody has removed
 * ours. */
static void hold_again(
	const struct fifos *f, struct fifos_row *r, const char *of, const char *suffix, int *held)
{
	struct stat open, named;
	char name[80];
	int fd;

	(void)snprintf(name, sizeof(name), "%s%s", of, suffix);
	if (*held >= 0 && fstat(*held, &open) == 0 &&
		fstatat(f->home->run_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open.st_ino == named.st_ino && open.st_dev == named.st_dev)
		return;
	fd = open_fifo(f, r, of, suffix);
	if (fd < 0)
		return;
	io_close(held);
	*held = fd;
}

/* The row has changed since we opened its FIFOs: there may be others now, and standard error may
 * have got one of its own with another specification. */
static void look_again(const struct fifos *f, struct fifos_row *r, const struct pt_row *row)
{
	bool new_run = row->life.life != r->life;

	if (new_run || r->out_fd < 0)
		hold_again(f, r, row->ident.name, HOME_OUT_FIFO, &r->out_fd);
	if (row->ident.separate_stderr && (new_run || r->err_fd < 0))
		hold_again(f, r, row->ident.name, HOME_ERR_FIFO, &r->err_fd);
	r->life = row->life.life;
}

/* Open the FIFOs of a row. false: not there yet; the spawner rings again once it has made them. */
static bool hold(const struct fifos *f, struct fifos_row *r, const struct pt_row *row)
{
	int fd, err = -1;

	if (row->ident.separate_stderr &&
		(err = open_fifo(f, r, row->ident.name, HOME_ERR_FIFO)) < 0)
		return false;
	fd = open_fifo(f, r, row->ident.name, HOME_OUT_FIFO);
	if (fd < 0) {
		io_close(&err);
		return false;
	}
	io_close(&r->out_fd);
	io_close(&r->err_fd);
	*r = (struct fifos_row){
		.gen = row->gen, .life = row->life.life, .out_fd = fd, .err_fd = err
	};
	return true;
}

static void look_at(
	struct fifos *f, const struct pt *pt, uint32_t slot, fifos_fn *changed, void *arg)
{
	struct fifos_row *r = &f->row[slot];
	uint64_t version = pt_life_version(pt, slot);
	struct pt_row row;
	bool fresh;

	if (r->gen == pt_gen(pt, slot) && r->version == version)
		return;
	if (pt_read_blocks(pt, slot, PT_BLOCK_EXIT, &row) < 0)
		return;
	fresh = r->gen != row.gen;
	if (!fresh)
		look_again(f, r, &row);
	else if (!hold(f, r, &row))
		return;
	r->version = version;
	if (changed)
		changed(arg, &row, fresh);
}

static void let_go(struct fifos_row *r)
{
	io_close(&r->out_fd);
	io_close(&r->err_fd);
	*r = (struct fifos_row){ .out_fd = -1, .err_fd = -1 };
}

static int need_slots(struct fifos *f, uint32_t n)
{
	struct fifos_row *more;

	if (n <= f->slots)
		return 0;
	more = reallocarray(f->row, n, sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->row = more;
	for (uint32_t i = f->slots; i < n; i++)
		more[i] = (struct fifos_row){ .out_fd = -1, .err_fd = -1 };
	f->slots = n;
	return 0;
}

int fifos_look(struct fifos *f, const struct pt *pt, fifos_fn *changed, void *arg)
{
	int r = need_slots(f, pt_high(pt));

	for (uint32_t i = 0; r == 0 && i < f->slots; i++) {
		if (pt_gen(pt, i) & 1)
			look_at(f, pt, i, changed, arg);
		else if (f->row[i].out_fd >= 0)
			let_go(&f->row[i]);
	}
	return r;
}

void fifos_forget(struct fifos *f)
{
	for (uint32_t i = 0; i < f->slots; i++)
		f->row[i].gen = 0;
}

void fifos_done(struct fifos *f)
{
	for (uint32_t i = 0; i < f->slots; i++)
		let_go(&f->row[i]);
	free(f->row);
	*f = (struct fifos){ .home = f->home };
}
