/*
 * guardian/fifos.c - a read end of every output FIFO, held and never read.
 *
 * As long as one reader exists, a process that writes gets neither SIGPIPE nor an error, and what it wrote stays in the pipe for the next logger
 * (docs/design.md, section 3). Each holder opens the FIFO itself: O_NONBLOCK belongs to the open description.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/say.h"
#include "guardian/guardian.h"

int fifos_begin(struct guardian *g)
{
	struct pt_info info;

	pt_get_info(g->pt, &info);
	g->held_fd = malloc(sizeof(*g->held_fd) * info.capacity);
	g->held_err_fd = malloc(sizeof(*g->held_err_fd) * info.capacity);
	g->held_gen = calloc(info.capacity, sizeof(*g->held_gen));
	g->held_version = calloc(info.capacity, sizeof(*g->held_version));
	g->held_life = calloc(info.capacity, sizeof(*g->held_life));
	if (!g->held_fd || !g->held_err_fd || !g->held_gen || !g->held_version || !g->held_life)
		return -ENOMEM;
	for (uint32_t i = 0; i < info.capacity; i++)
		g->held_fd[i] = g->held_err_fd[i] = -1;
	return 0;
}

/* Publish that the row's FIFO is held, keeping an exit that is in the mailbox. */
static void publish(struct guardian *g, const struct pt_row *row)
{
	struct pt_exit box = row->exit;

	box.gen = row->gen;
	box.held = row->gen;
	pt_put_exit(g->pt, row->slot, &box);
}

static int open_fifo(struct guardian *g, const char *of, const char *suffix)
{
	char name[80];
	int fd;

	snprintf(name, sizeof(name), "%s%s", of, suffix);
	fd = io_open(g->start.home.run_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 && fd != -ENOENT)
		say(SAY_WARNING, "cannot hold run/%s: %s, ignoring", name, strerror(-fd));
	return fd;
}

/* A new run writes to what has the name now, which is another FIFO where somebody has removed ours. */
static void hold_again(struct guardian *g, const char *of, const char *suffix, int *held)
{
	struct stat open, named;
	char name[80];
	int fd;

	snprintf(name, sizeof(name), "%s%s", of, suffix);
	if (*held >= 0 && fstat(*held, &open) == 0 && fstatat(g->start.home.run_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    open.st_ino == named.st_ino && open.st_dev == named.st_dev)
		return;
	fd = open_fifo(g, of, suffix);
	if (fd < 0)
		return;
	io_close(held);
	*held = fd;
}

/* The row has changed since we opened its FIFOs: there may be others now, and standard error may have got one of its own with another specification. */
static void look_again(struct guardian *g, uint32_t slot, uint32_t gen)
{
	uint64_t version = pt_life_version(g->pt, slot);
	struct pt_row row;

	if (g->held_version[slot] == version || pt_read_blocks(g->pt, slot, 0, &row) < 0 || row.gen != gen)
		return;
	g->held_version[slot] = version;
	if (row.life.life != g->held_life[slot])
		hold_again(g, row.ident.name, ".out", &g->held_fd[slot]);
	if (row.ident.separate_stderr && (row.life.life != g->held_life[slot] || g->held_err_fd[slot] < 0))
		hold_again(g, row.ident.name, "@err.out", &g->held_err_fd[slot]);
	g->held_life[slot] = row.life.life;
}

/* Open the FIFOs of a row. false: not there yet; the spawner rings again once it has made them. */
static bool hold(struct guardian *g, uint32_t slot, uint32_t gen)
{
	struct pt_row row;
	int fd, err = -1;

	if (pt_read_blocks(g->pt, slot, PT_BLOCK_EXIT, &row) < 0 || row.gen != gen)
		return false;
	if (row.ident.separate_stderr && (err = open_fifo(g, row.ident.name, "@err.out")) < 0)
		return false;
	fd = open_fifo(g, row.ident.name, ".out");
	if (fd < 0) {
		io_close(&err);
		return false;
	}
	io_close(&g->held_fd[slot]);
	io_close(&g->held_err_fd[slot]);
	g->held_fd[slot] = fd;
	g->held_err_fd[slot] = err;
	g->held_gen[slot] = gen;
	g->held_life[slot] = row.life.life;
	publish(g, &row);
	return true;
}

void fifos_hold(struct guardian *g)
{
	uint32_t high = pt_high(g->pt);
	bool news = false;

	for (uint32_t i = 0; i < high; i++) {
		uint32_t gen = pt_gen(g->pt, i);

		if (gen == g->held_gen[i]) {
			if (gen & 1)
				look_again(g, i, gen);
		} else if (gen & 1) {
			news |= hold(g, i, gen);
		} else {
			io_close(&g->held_fd[i]);
			io_close(&g->held_err_fd[i]);
			g->held_gen[i] = gen;
		}
	}
	if (news)
		guardian_ring_spawner(g);
}
