/* links: cli/ */
/*
 * tests/fuzz/fuzz_names.c - a folder that holds entries of any names and kinds, through which go
 * the sweep of what killed writers left, and the lists of specifications and of logs.
 *
 * Nothing but the temporary file of a writer that is gone may be removed, and nothing that is no
 * file of tend's may be listed.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/io_replace.h"
#include "client/group.h"
#include "config/spec.h"
#include "logread/segments.h"
#include "tests/fuzz/oddfolder.h"

/* What a temporary file is called, said in another way than base/io.c does. */
static bool may_be_swept(const char *name)
{
	static regex_t pattern;
	static bool ready;

	if (!ready)
		MUST(regcomp(&pattern, "^\\.(.*\\.[0-9]+-.*\\.tmp|new-[0-9]+-.*)$",
			     REG_EXTENDED | REG_NOSUB) == 0);
	ready = true;
	return regexec(&pattern, name, 0, NULL, 0) == 0;
}

static void check_sweep(struct oddfolder *d)
{
	struct stat st;
	unsigned gone = 0, n = io_sweep(d->fd, NULL, NULL);

	for (size_t i = 0; i < d->n; i++) {
		if (fstatat(d->fd, d->e[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		MUST(errno == ENOENT && !d->e[i].folder && may_be_swept(d->e[i].name));
		gone++;
	}
	MUST(gone == n);
}

static void check_specs(struct oddfolder *d)
{
	struct home h = { .fd = d->fd, .specs_fd = d->fd, .run_fd = d->fd, .logs_fd = d->fd };
	struct fault f = { "" };
	char **names = NULL;
	size_t n = 0;

	MUST(group_members(&h, NULL, &names, &n, &f) == 0 && n <= d->n);
	for (size_t i = 0; i < n; i++)
		MUST(name_check(names[i], NULL) == 0);
	group_free(names, n);
	MUST(group_all(&h, &names, &n, &f) == 0 && n == 0); /* none holds a specification */
	group_free(names, n);
}

static void check_logs(struct oddfolder *d)
{
	char **stems;
	size_t n;

	for (int err = 0; err < 2; err++) {
		MUST(segments_stems(d->fd, err, &stems, &n) == 0 && n <= d->n);
		for (size_t i = 0; i < n; i++)
			MUST(stems[i][0] && strlen(stems[i]) <= NAME_MAX && !strchr(stems[i], '/'));
		segments_stems_free(stems, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oddfolder d;

	oddfolder_make(&d, data, size);
	check_sweep(&d);
	check_specs(&d);
	check_logs(&d);
	oddfolder_remove(&d);
	return 0;
}
