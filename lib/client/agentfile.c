/* client/agentfile.c - files to commands (client/agentfile.h). */
#include "client/agentfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/runnable.h"
#include "client/place.h"

/* How files are run, by suffix. */
static const struct {
	const char *suffix;
	char word[2][8]; /* in front of the file; [0] is looked up in PATH */
} interpreters[] = {
	{ ".py", { "python3", "" } },
	{ ".js", { "node", "" } },
	{ ".mjs", { "node", "" } },
	{ ".ts", { "npx", "tsx" } },
	{ ".jar", { "java", "-jar" } },
};
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define INTERPRETERS (sizeof(interpreters) / sizeof(interpreters[0]))

int agentfile_name(const char *name, struct fault *f)
{
	int r = name_check(name, f);

	if (r == 0 && strcmp(name, "registry") == 0)
		return fault_set(f, -EINVAL, "the name \"registry\" is reserved");
	return r;
}

/* Only in folders that PATH names from the root: an empty or relative entry means the current
 * folder, and in that one another user may have put a program of this name. Whoever wants it types
 * "./NAME". */
static int look_in_path(
	char *const *env, const char *word, char buf[static PATH_MAX], struct fault *f)
{
	const char *path = env_value(env, "PATH");
	bool passed_over = false;

	for (path = path ? path : DEFAULT_PATH; path;) {
		size_t len = strcspn(path, ":");
		int n = snprintf(buf, PATH_MAX, "%.*s/%s", (int)len, path, word);

		if (n < PATH_MAX && (len == 0 || path[0] != '/'))
			passed_over |= runnable_program(len ? buf : word, NULL) == 0;
		else if (n < PATH_MAX && runnable_program(buf, NULL) == 0)
			return 0;
		path = path[len] ? path + len + 1 : NULL;
	}
	return fault_set(f, -ENOENT, "%s is not found in PATH%s", word,
		passed_over
			? " (entries of it that are not absolute paths are passed over; ./ in front of the name means the current folder)"
			: "");
}

int agentfile_program(
	char *const *env, const char *word, char buf[static PATH_MAX], struct fault *f)
{
	int r;

	if (!*word)
		return fault_set(f, -ENOENT, "the name of the program is empty");
	if (!strchr(word, '/'))
		return look_in_path(env, word, buf, f);
	/* with links as they are: many programs look at the name by which they were called */
	r = place_absolute(env, word, buf, f);
	return r < 0 ? r : runnable_program(buf, f);
}

static int check_file(char *const *env, const char *file, struct agent *a, struct fault *f)
{
	struct stat st;
	int r = place_absolute(env, file, a->file, NULL);

	if (r == 0 && stat(a->file, &st) < 0)
		r = -errno;
	if (r < 0)
		return fault_errno(f, r, "cannot start %s", file);
	if (S_ISDIR(st.st_mode))
		return fault_set(f, -EISDIR, "cannot start %s: it is a folder", a->file);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EINVAL, "cannot start %s: it is not a regular file", a->file);
	return 0;
}

static int take_name(const char *name, struct agent *a, struct fault *f)
{
	const char *base = strrchr(a->file, '/') + 1;
	const char *dot = strrchr(base, '.');
	char stem[NAME_MAX + 1];
	struct fault why = { "" };
	int r;

	if (!name) {
		snprintf(stem, sizeof(stem), "%.*s",
			(int)(dot && dot != base ? (size_t)(dot - base) : strlen(base)), base);
		r = agentfile_name(stem, &why);
		if (r < 0)
			return fault_set(f, r, "%s: %s; choose one with --name", a->file, why.text);
		name = stem;
	} else if ((r = agentfile_name(name, f)) < 0) {
		return r;
	}
	str_copy(a->name, sizeof(a->name), name);
	return 0;
}

static int check_shebang(const struct agent *a, struct fault *f)
{
	struct fault why = { "" };
	int r = runnable_interpreter(a->file, &why);

	return r < 0 ? fault_set(f, r, "cannot start %s: its interpreter: %s", a->file, why.text)
		     : 0;
}

/* The same file, and in the same folder: a virtual environment of Python is no more than a folder
 * with a link to the interpreter. */
static bool same_program(const char *a, const char *b)
{
	char folder_a[PATH_MAX], folder_b[PATH_MAX];

	snprintf(folder_a, sizeof(folder_a), "%.*s", (int)(strrchr(a, '/') - a) + 1, a);
	snprintf(folder_b, sizeof(folder_b), "%.*s", (int)(strrchr(b, '/') - b) + 1, b);
	return place_same(a, b) && place_same(folder_a, folder_b);
}

/* Whoever makes a file executable and names an interpreter in it may think that this one runs it;
 * what env is asked for is looked up as ours is. */
static void note_passed_over(struct agent *a)
{
	char line[RUNNABLE_LINE_BYTES], *rest = NULL, *program;

	if (faccessat(AT_FDCWD, a->file, X_OK, AT_EACCESS) < 0 || !runnable_shebang(a->file, line))
		return;
	program = strtok_r(line, " \t", &rest);
	if (program[0] == '/' && strcmp(strrchr(program, '/'), "/env") != 0 &&
		!same_program(program, a->exe))
		str_copy(a->passed_over, sizeof(a->passed_over), program);
}

static int take_command(char *const *env, struct agent *a, struct fault *f)
{
	const char *dot = strrchr(strrchr(a->file, '/'), '.');
	struct fault why = { "" };
	int n = 0, r;

	for (size_t i = 0; dot && i < INTERPRETERS; i++) {
		if (strcmp(dot, interpreters[i].suffix) != 0)
			continue;
		if (faccessat(AT_FDCWD, a->file, R_OK, AT_EACCESS) < 0)
			return fault_errno(f, -errno, "cannot read %s", a->file);
		r = agentfile_program(env, interpreters[i].word[0], a->exe, &why);
		if (r < 0)
			return fault_set(
				f, r, "cannot start %s: its interpreter %s", a->file, why.text);
		for (int k = 0; k < 2 && interpreters[i].word[k][0]; k++)
			/* nobody writes to the words of an argument vector */
			a->argv[n++] = (char *)(uintptr_t)interpreters[i].word[k];
		a->argv[n] = a->file;
		note_passed_over(a);
		a->python = strcmp(dot, ".py") == 0;
		return 0;
	}
	if (faccessat(AT_FDCWD, a->file, X_OK, AT_EACCESS) < 0 && errno == EACCES)
		return fault_set(f, -EACCES,
			"cannot start %s: it is not executable, and its suffix names no interpreter (.py .js .mjs .ts .jar)",
			a->file);
	str_copy(a->exe, sizeof(a->exe), a->file);
	a->argv[0] = a->file;
	return check_shebang(a, f);
}

int agentfile_look(
	char *const *env, const char *file, const char *name, struct agent *ret, struct fault *f)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = check_file(env, file, ret, f);
	if (r == 0)
		r = take_name(name, ret, f);
	if (r == 0)
		r = take_command(env, ret, f);
	if (r < 0)
		return r;
	str_copy(ret->folder, sizeof(ret->folder), ret->file);
	*strrchr(ret->folder, '/') = 0;
	if (!ret->folder[0])
		str_copy(ret->folder, sizeof(ret->folder), "/");
	return 0;
}
