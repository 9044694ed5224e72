/* spawner/wishes.c - see spawner/wishes.h. */
#define _GNU_SOURCE 1
#include "spawner/wishes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "spawner/spawner.h"

void wishes_note(struct spawner *sp, const char *name, enum wish wish)
{
	struct wishes *w = &sp->wishes;
	char line[NAME_MAX_BYTES + 16];
	int n;

	w->noted++;
	if (w->fd < 0) {
		io_make_way(sp->start.home.run_fd, WISHES_FILE, S_IFREG);
		w->fd = io_open(
			sp->start.home.run_fd, WISHES_FILE, O_WRONLY | O_CREAT | O_APPEND, 0600);
		w->torn = !w->none; /* whoever wrote into it before us may have died over a line */
	}
	if (w->fd < 0)
		return;
	w->none = false;
	n = snprintf(line, sizeof(line), "%s%s %s\n", w->torn ? "\n" : "", wish_word(wish), name);
	/* a full disk: what did not fit ends before the next line begins */
	w->torn = io_write_all(w->fd, line, (size_t)n) < 0;
}

void wishes_note_new(struct spawner *sp, const char *name)
{
	if (!sp->wishes.none)
		wishes_note(sp, name, WISH_UP);
}

void wishes_read(
	struct spawner *sp, void (*take)(void *arg, const char *name, enum wish wish), void *arg)
{
	char *text = NULL;
	int r = wishes_load(sp->start.home.run_fd, &text);

	sp->wishes.none = r == -ENOENT;
	if (r == 0)
		wishes_each(text, take, arg);
	free(text);
}

void wishes_saving(struct spawner *sp)
{
	sp->wishes.saving = sp->wishes.noted;
}

void wishes_saved(struct spawner *sp)
{
	struct wishes *w = &sp->wishes;
	int r;

	if (w->none || w->noted != w->saving) /* what is noted twice does no harm */
		return;
	io_close(&w->fd);
	r = io_remove(sp->start.home.run_fd, WISHES_FILE, 0);
	w->none = r == 0 || r == -ENOENT;
}
