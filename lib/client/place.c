/* client/place.c - see client/place.h. */
#include "client/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/str.h"

/* The next component of a path, its length in *ret_len; NULL behind the last. */
static const char *next_component(const char *path, size_t *ret_len)
{
	path += strspn(path, "/");
	*ret_len = strcspn(path, "/");
	return *ret_len ? path : NULL;
}

static bool is_dots(const char *component, size_t len)
{
	return (len == 1 && component[0] == '.') ||
		(len == 2 && component[0] == '.' && component[1] == '.');
}

/* As a shell writes it: from the root, without "." and "..". */
static bool is_logical(const char *path)
{
	size_t len;

	if (path[0] != '/')
		return false;
	for (const char *c = path; (c = next_component(c, &len)); c += len)
		if (is_dots(c, len))
			return false;
	return true;
}

bool place_same(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int place_here(char *const *env, char buf[static PATH_MAX], struct fault *f)
{
	const char *pwd = env_value(env, "PWD");

	if (pwd && is_logical(pwd) && place_same(pwd, ".") && str_copy(buf, PATH_MAX, pwd))
		return 0;
	return getcwd(buf, PATH_MAX) ? 0 : fault_errno(f, -errno, "cannot tell the current folder");
}

/* The end of the last ".." in it, NULL if there is none. */
static char *behind_dots(char *path)
{
	const char *found = NULL;
	size_t len;

	for (const char *c = path; (c = next_component(c, &len)); c += len)
		if (len == 2 && is_dots(c, len))
			found = c + len;
	return found ? path + (found - path) : NULL;
}

/* Append the components of rest, but "." ones. */
static int append(char buf[static PATH_MAX], const char *rest)
{
	size_t at = strcmp(buf, "/") == 0 ? 0 : strlen(buf), len;

	for (const char *c = rest; (c = next_component(c, &len)); c += len) {
		if (is_dots(c, len))
			continue;
		if (at + len + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		buf[at++] = '/';
		memcpy(buf + at, c, len);
		at += len;
	}
	if (at == 0)
		buf[at++] = '/';
	buf[at] = 0;
	return 0;
}

int place_absolute(char *const *env, const char *path, char buf[static PATH_MAX], struct fault *f)
{
	char here[PATH_MAX] = "", full[PATH_MAX], *dots;
	int r = path[0] && path[0] != '/' ? place_here(env, here, f) : 0;

	if (r < 0)
		return r;
	if (!path[0])
		return fault_set(f, -ENOENT, "the path is empty");
	if (snprintf(full, sizeof(full), "%s/%s", here, path) >= (int)sizeof(full))
		return fault_set(f, -ENAMETOOLONG, "the path %.100s... is too long", path);
	dots = behind_dots(full);
	buf[0] = 0;
	if (dots) {
		char kept = *dots;

		*dots = 0;
		if (!realpath(full, buf))
			return fault_errno(f, -errno, "%s", path);
		*dots = kept;
	}
	r = append(buf, dots ? dots : full);
	return r < 0 ? fault_set(f, r, "the path %.100s... is too long", path) : 0;
}
