/* spawner/check.c - whether there can be a next run, asked before one that runs is ended for it. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/runnable.h"
#include "config/spec.h"
#include "spawner/spawner.h"

/* Links are followed as at the launch. The path comes last, for what is too long is cut. */
static int check_program(const struct spec *s, struct fault *f)
{
	struct stat st;
	int r;

	if (stat(s->cwd, &st) < 0 || faccessat(AT_FDCWD, s->cwd, X_OK, AT_EACCESS) < 0)
		return fault_set(
			f, -errno, "its folder can't be entered: %s: %s", strerror(errno), s->cwd);
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, -ENOTDIR, "its folder is none: %s", s->cwd);
	if ((r = runnable_program(s->exe, NULL)) < 0)
		return fault_set(f, r, "its program can't be run: %s: %s", strerror(-r), s->exe);
	if ((r = runnable_interpreter(s->exe, NULL)) < 0)
		return fault_set(f, r,
			"the interpreter that its program names can't be run: %s: %s", strerror(-r),
			s->exe);
	if (s->file && stat(s->file, &st) < 0)
		return fault_set(
			f, -errno, "its file is not there: %s: %s", strerror(errno), s->file);
	return 0;
}

int launch_check(const struct proc *p, struct fault *f)
{
	struct spec s = { 0 };
	int r = launch_load_spec(p, &s, f);

	if (r == 0)
		r = check_program(&s, f);
	if (r == 0)
		r = launch_check_fifos(p, f);
	spec_done(&s);
	return r;
}
