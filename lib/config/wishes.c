/* config/wishes.c - see config/wishes.h. */
#define _GNU_SOURCE 1
#include "config/wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

#define WISHES_BYTES_MAX (16u << 20) /* lines of 70 bytes at most: more than there are processes */

static const char *const words[WISH_MAX] = {
	[WISH_UP] = "up", [WISH_DOWN] = "down", [WISH_GONE] = "gone"
};

const char *wish_word(enum wish wish)
{
	return words[wish];
}

int wishes_load(int run_fd, char **ret)
{
	return io_read_file(run_fd, WISHES_FILE, WISHES_BYTES_MAX, ret, NULL);
}

static void take_line(
	char *line, void (*take)(void *arg, const char *name, enum wish wish), void *arg)
{
	char *rest, *word = strtok_r(line, " ", &rest),
		    *name = word ? strtok_r(NULL, " ", &rest) : NULL;

	if (!name || name_check(name, NULL) < 0)
		return;
	for (enum wish w = WISH_UP; w < WISH_MAX; w++)
		if (strcmp(words[w], word) == 0)
			take(arg, name, w);
}

void wishes_each(char *text, void (*take)(void *arg, const char *name, enum wish wish), void *arg)
{
	char *line, *end;

	/* a line without its end was not written whole: it was never answered */
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		take_line(line, take, arg);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct desired_entry *)a)->name, ((const struct desired_entry *)b)->name);
}

static void carry_out(void *arg, const char *name, enum wish wish)
{
	struct desired *d = arg;
	struct desired_entry key = { .up = false }, *e;

	(void)str_copy(key.name, sizeof(key.name), name);
	e = d->n ? bsearch(&key, d->entry, d->n, sizeof(key), by_name) : NULL;
	if (e)
		e->up = wish == WISH_UP;
}

int desired_load_wished(const struct home *h, struct desired *ret, struct fault *f)
{
	char *text = NULL;
	int r, known = h->run_fd < 0 ? -ENOENT : wishes_load(h->run_fd, &text);

	r = desired_load(h->fd, ret, f);
	if (r == 0 && known == 0) {
		if (ret->n)
			qsort(ret->entry, ret->n, sizeof(*ret->entry), by_name);
		wishes_each(text, carry_out, ret);
	}
	free(text);
	return r;
}
