/*
 * client/checks_around.c - what "tend doctor" says of the daemons' surroundings
 * (docs/surroundings.md): where they have less than this command, a process that is started from
 * here gets less as well. It begins with what the spawner may give, and ends with what no process
 * of the instance can have any more.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/io.h"
#include "base/role.h"
#include "client/checks.h"
#include "config/surroundings.h"

#define STATUS_BYTES 8192
#define AGAIN	     "\"tend stop\" and a start from here change that"

static int oom_score_adj(const char *process)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/proc/%s/oom_score_adj", process);
	return io_read_small(AT_FDCWD, path, text, sizeof(text)) > 0 ? atoi(text) : 0;
}

static bool lacks_cpus(pid_t pid, const struct cpus *own, char *list, size_t size)
{
	struct cpus has = { 0 };
	bool lacks = false;
	char *text;

	if (syscall(SYS_sched_getaffinity, pid, sizeof(has), &has) < 0)
		return false;
	for (size_t i = 0; i < CPUS_MAX / CPUS_WORD; i++)
		lacks = lacks || (own->word[i] & ~has.word[i]);
	text = cpus_print(&has);
	snprintf(list, size, "%s", text ? text : "?");
	free(text);
	return lacks;
}

/* The kernel lets an ordinary user go one way only. */
static void check_priorities(struct findings *found, pid_t pid)
{
	struct cpus own = { 0 };
	char process[16], list[256];
	int nice, here;

	snprintf(process, sizeof(process), "%d", (int)pid);
	errno = 0;
	nice = getpriority(PRIO_PROCESS, (id_t)pid);
	here = getpriority(PRIO_PROCESS, 0);
	if (errno == 0 && nice > here)
		finding_note(found, "surroundings: the daemons run at nice %d, you at %d; " AGAIN,
			nice, here);
	if (oom_score_adj(process) > oom_score_adj("self"))
		finding_note(found,
			"surroundings: the daemons have the oom_score_adj %d, you %d; " AGAIN,
			oom_score_adj(process), oom_score_adj("self"));
	if (syscall(SYS_sched_getaffinity, 0, sizeof(own), &own) >= 0 &&
		lacks_cpus(pid, &own, list, sizeof(list)))
		finding_note(found,
			"surroundings: the daemons may run on the processors %s only; " AGAIN,
			list);
}

static void check_hard_limits(struct findings *found, pid_t pid)
{
	struct rlimit theirs, own;

	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		if (prlimit(pid, i, NULL, &theirs) < 0 || getrlimit(i, &own) < 0 ||
			theirs.rlim_max >= own.rlim_max)
			continue;
		finding_note(found,
			"surroundings: the daemons' limit %s is %" PRIu64
			", and no process can have more; " AGAIN,
			surrounding_label((unsigned)i), (uint64_t)theirs.rlim_max);
	}
}

/* The value of a line of /proc/PID/status, up to its end; "" = there is none. */
static const char *status_value(const char *status, const char *key, char *buf, size_t size)
{
	const char *at = strstr(status, key);

	snprintf(buf, size, "%.*s", at ? (int)strcspn(at + strlen(key), "\n") : 0,
		at ? at + strlen(key) : "");
	return buf;
}

static bool has_group(const char *groups, gid_t gid)
{
	char *end;

	for (; *groups; groups = *end ? end + 1 : end) {
		if (strtoul(groups, &end, 10) == gid && end != groups)
			return true;
		if (end == groups)
			end++;
	}
	return false;
}

static void check_groups(struct findings *found, const char *status)
{
	char theirs[2048], main_group[128];
	int n = getgroups(0, NULL);
	gid_t *own = n > 0 ? calloc((size_t)n, sizeof(*own)) : NULL;

	status_value(status, "\nGroups:\t", theirs, sizeof(theirs));
	status_value(status, "\nGid:\t", main_group, sizeof(main_group));
	n = own ? getgroups(n, own) : 0;
	for (int i = 0; i < n; i++)
		if (!has_group(theirs, own[i]) && !has_group(main_group, own[i]))
			finding_note(found,
				"surroundings: you are in the group %u, the daemons and their processes are not; " AGAIN,
				(unsigned)own[i]);
	free(own);
}

static uint64_t bits(const char *status, const char *key)
{
	char value[32];

	return strtoull(status_value(status, key, value, sizeof(value)), NULL, 16);
}

/* What can be given up but never taken back. */
static void check_rights(struct findings *found, const char *theirs, const char *own)
{
	if (bits(theirs, "\nNoNewPrivs:\t") > bits(own, "\nNoNewPrivs:\t"))
		finding_note(found,
			"surroundings: the daemons have no_new_privs set, so sudo and the like work in no process; " AGAIN);
	if (bits(theirs, "\nSeccomp:\t") > bits(own, "\nSeccomp:\t"))
		finding_note(found,
			"surroundings: a filter of system calls (seccomp) is at work on the daemons and their processes, not on you; " AGAIN);
	if (bits(own, "\nCapPrm:\t") & ~bits(theirs, "\nCapPrm:\t"))
		finding_note(found,
			"surroundings: you have capabilities that the daemons and their processes have not; " AGAIN);
}

static void check_status(struct findings *found, pid_t pid)
{
	char theirs[STATUS_BYTES], own[STATUS_BYTES], path[32];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (io_read_small(AT_FDCWD, path, theirs, sizeof(theirs)) <= 0 ||
		io_read_small(AT_FDCWD, "/proc/self/status", own, sizeof(own)) <= 0)
		return;
	check_groups(found, theirs);
	check_rights(found, theirs, own);
}

static bool differs(pid_t pid, const char *what)
{
	char path[48];
	struct stat theirs, own;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	if (stat(path, &theirs) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/%s", what);
	return stat(path, &own) == 0 &&
		(theirs.st_ino != own.st_ino || theirs.st_dev != own.st_dev);
}

/* What files, network and users are to them. Another pid namespace is refused long before. */
static void check_views(struct findings *found, pid_t pid)
{
	static const char *const views[][2] = { { "root", "root folder" }, { "ns/mnt", "mounts" },
		{ "ns/net", "network" }, { "ns/user", "users" }, { "ns/ipc", "System V IPC" },
		{ "ns/uts", "host name" } };

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (differs(pid, views[i][0]))
			finding_note(found,
				"surroundings: the daemons and their processes have another %s than you (/proc/%d/%s)",
				views[i][1], (int)pid, views[i][0]);
}

void checks_surroundings(struct findings *found, const struct home *h)
{
	pid_t pid = 0;
	uint64_t start = 0;

	if (h->run_fd < 0 || role_holder(h->run_fd, ROLE_SPAWNER, &pid, &start) < 0 || pid <= 0)
		return;
	check_priorities(found, pid);
	check_hard_limits(found, pid);
	check_status(found, pid);
	check_views(found, pid);
}
