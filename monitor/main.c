/*
 * monitor/main.c - tend-monitor: is each process alive, and what does it use?
 *
 * It reads the table and /proc, and writes health blocks. It neither starts nor stops a process.
 */
#define _GNU_SOURCE 1
#include <linux/capability.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io_replace.h"
#include "base/privilege.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/follower.h"
#include "monitor/act.h"
#include "monitor/alert.h"
#include "monitor/care.h"
#include "monitor/publish.h"
#include "monitor/watches.h"

#define INTERVAL_DEFAULT_MS 5000
#define INTERVAL_MIN_MS	    100
#define MAPPED_BYTES	    (64 << 10)
#define INTERVAL_MAX_MS	    86400000 /* a day */

static void look(void *arg)
{
	watches_scan(arg);
}

static void moved(void *arg)
{
	struct monitor *mo = arg;

	publish_all(arg);
	for (uint32_t i = 0; i < mo->slots; i++)
		if (mo->by_slot[i])
			act_moved(mo->by_slot[i]);
	watches_forget_versions(arg);
}

/* A value that can't be used is no reason not to watch at all. */
static uint64_t interval_ns(void)
{
	const char *text = getenv("TEND_MONITOR_INTERVAL_MS");
	int64_t ms = INTERVAL_DEFAULT_MS;

	if (text && str_int(text, INTERVAL_MIN_MS, INTERVAL_MAX_MS, &ms)) {
		say(SAY_WARNING,
			"TEND_MONITOR_INTERVAL_MS=%s is not a number from %d to %d; samples are taken every %d ms",
			text, INTERVAL_MIN_MS, INTERVAL_MAX_MS, INTERVAL_DEFAULT_MS);
		ms = INTERVAL_DEFAULT_MS;
	}
	return (uint64_t)ms * NS_PER_MS;
}

/* Answers of a registry come and go, hundreds of kilobytes each, and would leave a heap of their
 * size behind: what is large is mapped by itself (glibc would otherwise raise that limit by and
 * by). libcurl's thread that looks up names needs no heap of its own. */
static void keep_small(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	(void)mallopt(M_ARENA_MAX, 1);
}

static int begin(void *arg)
{
	struct monitor *mo = arg;
	int r;

	mo->interval_ns = interval_ns();
	r = watches_begin(mo);
	if (r)
		return r;
	(void)pt_read_monitor(mo->pt, &mo->state); /* the counts of an earlier monitor go on */
	care_shared_begin(mo);
	/* It looks at processes of any user and ends probes that may have become another user. Its
	 * programs (probes, alerts) get all rights anew. */
	privilege_drop(PRIVILEGE_EXECUTES | PRIVILEGE_NETWORK,
		1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_KILL, 0);
	(void)io_sweep(mo->home.run_fd, NULL, NULL); /* a half-written answer of the registry */
	alerts_begin(mo->alerts);
	return 0;
}

static void end(void *arg)
{
	watches_end(arg);
}

int main(int argc, char **argv)
{
	struct monitor mo = { .home = HOME_INIT, .spawner_bell = -1 };
	struct follower f = { .role = ROLE_MONITOR,
		.home = &mo.home,
		.pt = &mo.pt,
		.loop = &mo.loop,
		.arg = &mo,
		.begin = begin,
		.look = look,
		.moved = moved,
		.end = end };

	keep_small();
	return follower_main(&f, argc, argv);
}
