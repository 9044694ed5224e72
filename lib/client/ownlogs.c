/* client/ownlogs.c - the logs that agents write themselves (client/ownlogs.h). */
#include "client/ownlogs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "client/group.h"
#include "client/logname.h"
#include "config/spec.h"
#include "logread/format.h"

#define LABEL_MAX (NAME_MAX_BYTES + sizeof(LOGNAME_FILE_MARK))

struct candidate {
	char folder[PATH_MAX];
	char stem[NAME_MAX_BYTES + 16];
};

/* Why a file is not to be read; NULL: it may. Another name of it can be anything of ours, put there
 * by who can write to the folder. */
static const char *objection(const struct stat *folder, const struct stat *st)
{
	bool shared = folder->st_uid != geteuid() || (folder->st_mode & (S_IWGRP | S_IWOTH));

	if (S_ISLNK(st->st_mode))
		return "it is a link";
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (st->st_uid != geteuid())
		return "it belongs to another user";
	return shared && st->st_nlink > 1
		? "it has another name, too, and others can write to its folder"
		: NULL;
}

/* Is there one that may be read? */
static bool is_there(struct outcomes *oc, const struct candidate *c)
{
	char name[sizeof(c->stem) + sizeof(LOG_SUFFIX)], folder[PATH_MAX + 4];
	struct stat of_folder, st;
	const char *why;
	int fd;
	bool found;

	snprintf(name, sizeof(name), "%s" LOG_SUFFIX, c->stem);
	if ((size_t)snprintf(folder, sizeof(folder), "%s/.", c->folder) >= sizeof(folder))
		return false;
	fd = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	found = fd >= 0 && fstat(fd, &of_folder) == 0 &&
		fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	io_close(&fd);
	if (!found)
		return false;
	why = objection(&of_folder, &st);
	if (why)
		outcome_complain(oc, "%s/%s is not read: %s", c->folder, name, why);
	return !why;
}

static bool put(struct candidate *c, const char *stem_prefix, const char *name, const char *folder,
	size_t len, const char *behind)
{
	snprintf(c->stem, sizeof(c->stem), "%s%s", stem_prefix, name);
	return folder[0] == '/' &&
		(size_t)snprintf(c->folder, sizeof(c->folder), "%.*s%s", (int)len, folder, behind) <
		sizeof(c->folder);
}

/* In the order of the reference. Returns how many. */
static size_t candidates(const struct spec *s, const char *name, struct candidate c[static 3])
{
	static const char scheme[] = "sqlite:///";
	const char *tmp = spec_variable(s->env, "TMPDIR"),
		   *db = spec_variable(s->env, "MCP_MESH_DATABASE_URL"), *slash;
	size_t n = 0;

	tmp = tmp ? tmp : "/tmp";
	n += s->cwd && put(&c[n], "", name, s->cwd, strlen(s->cwd), "");
	n += put(&c[n], "mcp_mesh_", name, tmp, strlen(tmp), "");
	if (!db || strncmp(db, scheme, sizeof(scheme) - 1) != 0)
		return n;
	db += sizeof(scheme) - 1;
	slash = strrchr(db, '/');
	return n + (slash && put(&c[n], "", name, db, (size_t)(slash - db), "/logs"));
}

static void add(struct outcomes *oc, struct logplaces *p, const struct home *h, const char *name,
	bool expect)
{
	char file[NAME_MAX_BYTES + 8], label[LABEL_MAX];
	struct candidate c[3];
	struct spec s = { 0 };
	size_t n, i = 0;

	spec_file_name(name, file);
	if (spec_load(h->specs_fd, file, &s, NULL) < 0)
		return;
	n = s.file ? candidates(&s, name, c) : 0;
	spec_done(&s);
	while (i < n && !is_there(oc, &c[i]))
		i++;
	snprintf(label, sizeof(label), "%s" LOGNAME_FILE_MARK, name);
	if (i < n)
		logplaces_add_own(p, c[i].folder, c[i].stem, label);
	else if (n && expect)
		logplaces_add_own(p, c[0].folder, c[0].stem, label);
}

static void add_of_all(struct outcomes *oc, struct logplaces *p, const struct home *h, bool expect)
{
	char **names = NULL;
	size_t n = 0;

	(void)group_members(h, NULL, &names, &n, NULL);
	for (size_t i = 0; i < n; i++)
		add(oc, p, h, names[i], expect);
	group_free(names, n);
}

void ownlogs_add(struct outcomes *oc, struct logplaces *p, bool all, bool expect)
{
	struct home h = HOME_INIT;
	size_t n = p->n;

	(void)io_raise_nofile();
	if (home_open(p->home, HOME_READ, &h, NULL) < 0 || h.specs_fd < 0)
		n = 0;
	else if (all)
		add_of_all(oc, p, &h, expect);
	for (size_t i = 0; !all && i < n; i++)
		if (name_check(p->list[i].stem, NULL) == 0)
			add(oc, p, &h, p->list[i].stem, expect);
	home_close(&h);
}
