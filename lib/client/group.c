/* client/group.c - groups of processes (client/group.h). */
#include "client/group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "client/specedit.h"

bool group_is(const char *operand)
{
	return operand[0] == '@';
}

bool group_of(const struct home *h, const char *name, char group[static NAME_MAX_BYTES])
{
	char file[NAME_MAX_BYTES + 8];
	struct spec s = { 0 };

	spec_file_name(name, file);
	if (h->specs_fd < 0 || spec_load(h->specs_fd, file, &s, NULL) < 0)
		return false;
	memcpy(group, s.group, NAME_MAX_BYTES);
	spec_done(&s);
	return group[0] != 0;
}

bool group_holds(const struct home *h, const char *operand, const char *name)
{
	char group[NAME_MAX_BYTES];

	return group_of(h, name, group) && strcmp(group, operand + 1) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct list {
	char **text;
	size_t n;
};

static int list_add(struct list *l, const char *text)
{
	char **more = realloc(l->text, (l->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->text = more;
	more[l->n] = strdup(text);
	if (!more[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

static bool list_has(const struct list *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->text[i], text) == 0)
			return true;
	return false;
}

enum wanted { MEMBERS, ALL_NAMES, ALL_GROUPS };

static int collect(
	DIR *dir, const struct home *h, enum wanted wanted, const char *operand, struct list *l)
{
	char name[NAME_MAX_BYTES], group[NAME_MAX_BYTES];
	const struct dirent *e;
	int r = 0;

	while (r == 0 && (e = readdir(dir))) {
		if (!spec_name_of(e->d_name, name))
			continue;
		if (wanted == ALL_NAMES || (wanted == MEMBERS && group_holds(h, operand, name)))
			r = list_add(l, name);
		else if (wanted == ALL_GROUPS && group_of(h, name, group) && !list_has(l, group))
			r = list_add(l, group);
	}
	return r;
}

static int read_specs(const struct home *h, enum wanted wanted, const char *operand,
	struct list *ret, struct fault *f)
{
	int fd, r;
	DIR *dir;

	*ret = (struct list){ 0 };
	if (h->specs_fd < 0)
		return 0;
	fd = openat(h->specs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = fault_errno(f, -errno, "cannot read %s/specs", h->path);
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = collect(dir, h, wanted, operand, ret);
	closedir(dir);
	if (r < 0) {
		group_free(ret->text, ret->n);
		*ret = (struct list){ 0 };
		return fault_errno(f, r, "cannot read %s/specs", h->path);
	}
	if (ret->n)
		qsort(ret->text, ret->n, sizeof(*ret->text), by_name);
	return 0;
}

int group_members(
	const struct home *h, const char *operand, char ***ret, size_t *ret_n, struct fault *f)
{
	struct list l;
	int r = read_specs(h, operand ? MEMBERS : ALL_NAMES, operand, &l, f);

	*ret = l.text;
	*ret_n = l.n;
	return r;
}

int group_all(const struct home *h, char ***ret, size_t *ret_n, struct fault *f)
{
	struct list l;
	int r = read_specs(h, ALL_GROUPS, NULL, &l, f);

	*ret = l.text;
	*ret_n = l.n;
	return r;
}

void group_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static int put(struct spec *s, void *arg, struct fault *f)
{
	const char *group = arg;

	(void)f;
	if (strcmp(s->group, group) == 0)
		return 0;
	(void)str_copy(s->group, sizeof(s->group), group);
	return 1;
}

int group_put(const struct home *h, const char *name, const char *group, const struct watcher *w,
	struct fault *f)
{
	return specedit(h, name, put, (void *)(uintptr_t)group, w, f);
}

void group_empty(struct outcomes *oc, const char *operand)
{
	outcome_add(oc, operand, OUTCOME_UNKNOWN, 0, "no process is in this group");
	outcome_complain(
		oc, "no process is in the group %s; \"tend group\" lists them", operand + 1);
}
