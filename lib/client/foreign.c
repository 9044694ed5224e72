/* client/foreign.c - processes of the reference's CLI (client/foreign.h). */
#include "client/foreign.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"
#include "config/desired.h"

#define TAIL_BYTES    8192u /* what is not tend's stands at the end of the file */
#define LATER_SECONDS 10    /* between the start of a process and the note of it */

/* a key that the reference writes into each entry, and tend never */
static const char mark[] = "\"last_health_check\"";

static bool looks_foreign(const struct home *h)
{
	int fd = h->fd < 0 ? -1 : io_open(h->fd, DESIRED_FILE, O_RDONLY | O_NONBLOCK, 0);
	char tail[TAIL_BYTES];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = pread(fd, tail, sizeof(tail),
			st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0);
	io_close(&fd);
	return n > 0 && memmem(tail, (size_t)n, mark, sizeof(mark) - 1) != NULL;
}

static const char *text_of(const cJSON *o, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

int foreign_pid(const cJSON *entry)
{
	const cJSON *pid = cJSON_GetObjectItemCaseSensitive(entry, "pid");

	return cJSON_IsNumber(pid) && pid->valuedouble >= 1 && pid->valuedouble < 1 << 30
		? pid->valueint
		: 0;
}

const char *foreign_file(const cJSON *entry)
{
	return text_of(cJSON_GetObjectItemCaseSensitive(entry, "metadata"), "agent_file");
}

static bool runs_command(int pid, const cJSON *command)
{
	char path[40], args[4096];
	const cJSON *word;
	size_t at = 0, n;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	r = io_read_small(AT_FDCWD, path, args, sizeof(args));
	n = r > 0 ? (size_t)r : 0;
	cJSON_ArrayForEach(word, command)
	{
		if (!cJSON_IsString(word) || at >= n || strcmp(args + at, word->valuestring) != 0)
			return false;
		at += strlen(args + at) + 1;
	}
	return at > 0 && at >= n;
}

/* The reference writes local time without a zone. */
static bool began_by(const struct procfs_stat *st, const char *started_at)
{
	uint64_t boot_ns = st->start_ticks * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK)),
		 ago_ns = clock_boot_ns() - boot_ns;
	struct tm tm = { .tm_isdst = -1 };
	time_t noted;

	if (!started_at || !strptime(started_at, "%Y-%m-%dT%H:%M:%S", &tm))
		return false;
	noted = mktime(&tm);
	return noted != (time_t)-1 &&
		(int64_t)((clock_real_ns() - ago_ns) / NS_PER_SEC) <=
		(int64_t)noted + LATER_SECONDS;
}

static bool lives(const cJSON *entry)
{
	struct procfs_stat st;
	int pid = foreign_pid(entry);

	return pid && name_check(entry->string, NULL) == 0 && procfs_stat(pid, &st) == 0 &&
		procfs_stat_alive(&st) && began_by(&st, text_of(entry, "started_at")) &&
		runs_command(pid, cJSON_GetObjectItemCaseSensitive(entry, "command"));
}

void foreign_load(const struct home *h, struct foreign *ret)
{
	struct desired d = { 0 };
	const cJSON *entry;
	char *text = NULL;

	*ret = (struct foreign){ 0 };
	if (!looks_foreign(h) || desired_load(h->fd, &d, NULL) < 0)
		return;
	if (d.foreign_entries && asprintf(&text, "{%s}", d.foreign_entries) >= 0)
		ret->doc = cJSON_Parse(text);
	free(text);
	desired_done(&d);
	ret->entry = calloc((size_t)cJSON_GetArraySize(ret->doc) + 1, sizeof(*ret->entry));
	cJSON_ArrayForEach(entry, ret->doc) if (ret->entry && lives(entry))
		ret->entry[ret->n++] = entry;
}

void foreign_done(struct foreign *f)
{
	cJSON_Delete(f->doc);
	free(f->entry);
	*f = (struct foreign){ 0 };
}

bool foreign_complain(struct outcomes *oc, const struct home *h, const char *name)
{
	struct foreign f;
	bool found = false;

	foreign_load(h, &f);
	for (size_t i = 0; i < f.n && !found; i++) {
		const char *file = foreign_file(f.entry[i]);
		int pid = foreign_pid(f.entry[i]);

		found = strcmp(f.entry[i]->string, name) == 0;
		if (found && file)
			outcome_complain(oc,
				"%s runs as process %d, started by mcp_mesh_dev: end it (kill %d), then \"tend start %s\" supervises it",
				name, pid, pid, file);
		else if (found)
			outcome_complain(oc,
				"%s runs as process %d, started by mcp_mesh_dev: end it (kill %d) first",
				name, pid, pid);
	}
	foreign_done(&f);
	return found;
}
