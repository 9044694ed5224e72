/* client/logplaces.c - which logs a command is about (client/logplaces.h). */
#include "client/logplaces.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "client/group.h"
#include "client/instance.h"
#include "client/like.h"
#include "client/logname.h"
#include "client/pick.h"
#include "client/stored.h"
#include "logread/format.h"

const char *logplaces_label(const struct log_place *at)
{
	return at->label ? at->label : at->stem;
}

static bool known(const struct logplaces *p, const char *label)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(logplaces_label(&p->list[i]), label) == 0)
			return true;
	return false;
}

static void free_place(struct log_place *at)
{
	free((char *)(uintptr_t)at->stem);
	free((char *)(uintptr_t)at->label);
}

/* label: NULL for the stem itself. */
static void add(struct logplaces *p, int dirfd, const char *stem, const char *label)
{
	struct log_place *more = realloc(p->list, (p->n + 1) * sizeof(*more));

	p->incomplete |= !more;
	if (!more)
		return;
	p->list = more;
	more[p->n] = (struct log_place){
		.dirfd = dirfd, .stem = strdup(stem), .label = label ? strdup(label) : NULL
	};
	if (more[p->n].stem && (more[p->n].label || !label)) {
		p->n++;
	} else {
		free_place(&more[p->n]);
		p->incomplete = true;
	}
}

/* Only folders that are ours: anyone can make one in /tmp. */
static void open_folder(struct logplaces *p, unsigned i, const char *path)
{
	struct stat st;
	int fd = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_uid != geteuid()))
		io_close(&fd);
	p->folder[i] = fd < 0 ? -1 : fd;
	p->path[i] = strdup(path);
}

static bool open_folders(struct logplaces *p, struct fault *f)
{
	struct home home = HOME_INIT;
	char cwd[PATH_MAX], path[PATH_MAX + 8];
	int r = home_open(p->home, HOME_READ, &home, f);

	if (r < 0 && r != -ENOENT)
		return false;
	if (r == 0 && snprintf(path, sizeof(path), "%s/logs", home.path) > 0)
		open_folder(p, 0, path);
	home_close(&home);
	if (getcwd(cwd, sizeof(cwd)) && snprintf(path, sizeof(path), "%s/logs", cwd) > 0)
		open_folder(p, 1, path);
	open_folder(p, 2, "/tmp/mcp_mesh_logs");
	return true;
}

static void add_all(struct logplaces *p, bool foreign)
{
	char **stems;
	size_t n;

	for (unsigned i = 0; i < (foreign ? LOGPLACES_FOLDERS : 1); i++) {
		int r = p->folder[i] < 0 ? -ENOENT : segments_stems(p->folder[i], true, &stems, &n);

		p->incomplete |= r == -ENOMEM;
		if (r < 0)
			continue;
		for (size_t s = 0; s < n; s++)
			if (!known(p, stems[s]))
				add(p, p->folder[i], stems[s], NULL);
		segments_stems_free(stems, n);
	}
}

static bool in_table(const char *home, const char *name)
{
	struct instance in = INSTANCE_NONE;
	struct pt_row row;
	bool found = instance_open(&in, home, PT_READER, NULL) == 0 &&
		pt_find(in.pt, name, &row) == 0;

	instance_close(&in);
	return found;
}

/* Which of all has it, or matches it as a pattern: first the home. */
static bool take_name(struct logplaces *p, const struct logplaces *all, const char *name)
{
	bool pattern = pick_is_pattern(name), found = false;

	for (size_t i = 0; i < all->n; i++) {
		char process[256];

		(void)logname_process(all->list[i].stem, process);
		if (pattern ? fnmatch(name, process, 0) == 0 : strcmp(name, process) == 0) {
			found = true;
			if (!known(p, all->list[i].stem))
				add(p, all->list[i].dirfd, all->list[i].stem, NULL);
		}
	}
	if (!found && !pattern && p->folder[0] >= 0 &&
		(in_table(p->home, name) || stored_has(NULL, name))) {
		found = true; /* it has written nothing so far */
		if (!known(p, name))
			add(p, p->folder[0], name, NULL);
	}
	return found;
}

/* Members that have written nothing are none. False: nobody is in it (said). */
static bool take_group(
	struct outcomes *oc, struct logplaces *p, const struct logplaces *all, const char *operand)
{
	struct home home = HOME_INIT;
	struct fault f = { "" };
	char **names = NULL;
	size_t n = 0;
	int r = home_open(p->home, HOME_READ, &home, &f);

	if (r == 0)
		r = group_members(&home, operand, &names, &n, &f);
	home_close(&home);
	for (size_t i = 0; i < n; i++)
		(void)take_name(p, all, names[i]);
	group_free(names, n);
	if (r < 0)
		outcome_complain(oc, "%s", f.text);
	else if (n == 0)
		group_empty(oc, operand);
	return n > 0;
}

static void say_unknown(struct outcomes *oc, const struct logplaces *all, const char *name)
{
	struct like like = LIKE(name);
	char list[1024] = "", process[256];
	size_t len = 0;

	for (size_t i = 0; i < all->n; i++) {
		(void)logname_process(all->list[i].stem, process);
		if (strcmp(process, all->list[i].stem) == 0)
			like_try(&like, all->list[i].stem);
		else if (strcmp(name, all->list[i].stem) == 0) {
			outcome_complain(oc,
				"there is no log of %s: what %s wrote to standard error is shown with the rest of its log",
				name, process);
			return;
		}
		if (!strchr(all->list[i].stem, '@') && len + 70 < sizeof(list) &&
			strlen(all->list[i].stem) < 64)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
				len ? ", " : "", all->list[i].stem);
	}
	if (all->n == 0)
		outcome_complain(oc, "there is no log of %s, nor any other", name);
	else if (pick_is_pattern(name))
		outcome_complain(oc, "no log's name matches %s; there are: %s", name, list);
	else if (like.best)
		outcome_complain(oc, "there is no log of %s; did you mean %s? There are: %s", name,
			like.best, list);
	else
		outcome_complain(oc, "there is no log of %s; there are: %s", name, list);
}

bool logplaces_find(struct outcomes *oc, const char *home, char *const *names, size_t n,
	bool foreign, struct logplaces *ret)
{
	struct logplaces all = { .n = 0 };
	struct fault f = { "" };
	bool good = true;

	*ret = (struct logplaces){ .home = home, .folder = { -1, -1, -1 } };
	if (!open_folders(ret, &f)) {
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	ret->elsewhere = foreign;
	if (n == 0) {
		add_all(ret, foreign);
		if (ret->incomplete)
			outcome_complain(oc, "cannot list the logs: out of memory");
		return !ret->incomplete;
	}
	memcpy(all.folder, ret->folder, sizeof(all.folder));
	add_all(&all, true);
	for (size_t i = 0; i < n; i++)
		if (group_is(names[i])) {
			good = take_group(oc, ret, &all, names[i]) && good;
		} else if (!take_name(ret, &all, names[i])) {
			say_unknown(oc, &all, names[i]);
			good = false;
		}
	for (size_t i = 0; i < all.n; i++)
		free_place(&all.list[i]);
	free(all.list);
	if (ret->incomplete || all.incomplete) {
		outcome_complain(oc, "cannot find all logs: out of memory");
		good = false;
	}
	return good;
}

void logplaces_refresh(struct logplaces *p)
{
	add_all(p, p->elsewhere);
}

void logplaces_expect_errors(struct logplaces *p)
{
	size_t n = p->n;

	for (size_t i = 0; i < n; i++) {
		char stem[256];

		if (p->list[i].label || strchr(p->list[i].stem, LOG_ERR_MARK[0]) ||
			(size_t)snprintf(stem, sizeof(stem), "%s" LOG_ERR_MARK, p->list[i].stem) >=
				sizeof(stem))
			continue;
		if (!known(p, stem))
			add(p, p->list[i].dirfd, stem, NULL);
	}
}

const char *logplaces_path(const struct logplaces *p, const struct log_place *at)
{
	for (unsigned i = 0; i < LOGPLACES_FOLDERS; i++)
		if (p->folder[i] == at->dirfd)
			return p->path[i];
	for (size_t i = 0; i < p->own_n; i++)
		if (p->own[i].fd == at->dirfd)
			return p->own[i].path;
	return "";
}

/* Agents lie many in a folder. -1: it can't be opened. */
static int own_folder(struct logplaces *p, const char *path)
{
	struct log_folder *more;
	char at[PATH_MAX + 4];

	for (size_t i = 0; i < p->own_n; i++)
		if (strcmp(p->own[i].path, path) == 0)
			return p->own[i].fd;
	/* the folder may be reached through a link */
	if ((size_t)snprintf(at, sizeof(at), "%s/.", path) >= sizeof(at))
		return -1;
	more = realloc(p->own, (p->own_n + 1) * sizeof(*more));
	if (!more)
		return -1;
	p->own = more;
	more[p->own_n] = (struct log_folder){
		.fd = io_open(AT_FDCWD, at, O_RDONLY | O_DIRECTORY, 0), .path = strdup(path)
	};
	if (more[p->own_n].fd < 0 || !more[p->own_n].path) {
		io_close(&more[p->own_n].fd);
		free(more[p->own_n].path);
		return -1;
	}
	return more[p->own_n++].fd;
}

/* Is this one of the folders that are looked into anyway, and the log shown from there? */
static bool is_shown(const struct logplaces *p, int fd, const char *stem)
{
	struct stat st, other;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!p->list[i].label && strcmp(p->list[i].stem, stem) == 0 &&
			fstat(p->list[i].dirfd, &other) == 0 && st.st_ino == other.st_ino &&
			st.st_dev == other.st_dev)
			return true;
	return false;
}

void logplaces_add_own(struct logplaces *p, const char *folder, const char *stem, const char *label)
{
	int fd = own_folder(p, folder);

	if (fd >= 0 && !is_shown(p, fd, stem))
		add(p, fd, stem, label);
}

void logplaces_done(struct logplaces *p)
{
	for (size_t i = 0; i < p->n; i++)
		free_place(&p->list[i]);
	free(p->list);
	for (size_t i = 0; i < p->own_n; i++) {
		io_close(&p->own[i].fd);
		free(p->own[i].path);
	}
	free(p->own);
	for (unsigned i = 0; i < LOGPLACES_FOLDERS; i++) {
		io_close(&p->folder[i]);
		free(p->path[i]);
	}
}
