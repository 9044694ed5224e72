/* client/specedit.c - changing a stored specification (client/specedit.h). */
#include "client/specedit.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "client/turn.h"

#define TRIES 10u

/* A start by someone else replaces the file, a removal takes it away: neither waits for us. */
static int write_back(
	const struct home *h, const char *file, const struct stat *before, const struct spec *s)
{
	char *text = spec_print(s);
	int r;

	if (!text)
		return -ENOMEM;
	r = io_replace_old(h->specs_fd, file, text, strlen(text), IO_SYNC, before);
	free(text);
	return r;
}

static int edit_opened(const struct home *h, const char *name, int fd, specedit_change *change,
	void *arg, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	struct stat before;
	struct spec s = { 0 };
	int r, e;

	spec_file_name(name, file);
	if (fstat(fd, &before) < 0)
		return fault_errno(f, -errno, "cannot read the specification of %s", name);
	r = spec_load(h->specs_fd, file, &s, f);
	if (r < 0)
		return r;
	r = change(&s, arg, f);
	if (r > 0 && (e = write_back(h, file, &before, &s)) < 0)
		r = fault_errno(f, e, "cannot write the specification of %s", name);
	spec_done(&s);
	return r;
}

static int edit_once(
	const struct home *h, const char *name, specedit_change *change, void *arg, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	int fd, r;

	spec_file_name(name, file);
	fd = h->specs_fd < 0 ? -ENOENT
			     : io_open(h->specs_fd, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fault_errno(f, fd, "cannot read the specification of %s", name);
	r = edit_opened(h, name, fd, change, arg, f);
	io_close(&fd);
	return r;
}

int specedit(const struct home *h, const char *name, specedit_change *change, void *arg,
	const struct watcher *w, struct fault *f)
{
	/* of two that change it, the second would undo what the first has done */
	int turn = turn_take(h, TURN_SPECS, w, f), r = turn < 0 ? turn : -EAGAIN;

	for (unsigned tries = 0; r == -EAGAIN && tries < TRIES; tries++)
		r = edit_once(h, name, change, arg, f);
	io_close(&turn);
	return r;
}

struct health_edit {
	const char *health; /* without blanks, as specifications have it */
	uint32_t interval_s;
};

static int set_health(struct spec *s, void *arg, struct fault *f)
{
	const struct health_edit *e = arg;
	int changed = e->interval_s && e->interval_s != s->health_check_interval_s;
	char *copy;

	if (e->interval_s)
		s->health_check_interval_s = e->interval_s;
	if (!e->health || (s->health && strcmp(s->health, e->health) == 0))
		return changed;
	copy = strdup(e->health);
	if (!copy)
		return fault_errno(
			f, -ENOMEM, "cannot change how the health of %s is found out", s->name);
	cJSON_free(s->health);
	s->health = copy; /* spec_done() frees it */
	return 1;
}

int specedit_health(const struct home *h, const char *name, const char *health, uint32_t interval_s,
	const struct watcher *w, struct fault *f)
{
	cJSON *doc = health ? cJSON_Parse(health) : NULL;
	char *plain = doc ? cJSON_PrintUnformatted(doc) : NULL;
	struct health_edit e = { .health = plain, .interval_s = interval_s };
	int r = health && !plain
		? fault_errno(f, -ENOMEM, "cannot change how the health of %s is found out", name)
		: specedit(h, name, set_health, &e, w, f);

	cJSON_free(plain);
	cJSON_Delete(doc);
	return r;
}
