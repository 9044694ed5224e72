/* client/surroundings.c - see client/surroundings.h. */
#define _GNU_SOURCE 1
#include "client/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

#define IOPRIO_OF_PROCESS 1

void surroundings_note(struct shell *ret, char *const *env)
{
	*ret = (struct shell){ .umask = umask(0), .env = env };
	/* 0700 of what we make would be taken from ourselves, and nothing could be put into it */
	umask(ret->umask & 077);
	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		if (getrlimit(i, &ret->limit[i]) == 0)
			ret->given |= 1u << i;
}

static void take_scheduler(struct surroundings *s)
{
	struct sched_param p = { 0 };
	int policy = sched_getscheduler(0);

	if (policy < 0 || sched_getparam(0, &p) < 0)
		return;
	policy &= ~SCHED_RESET_ON_FORK;
	s->scheduler = policy > SCHED_IDLE ? SCHED_OTHER : policy; /* a deadline is not inherited */
	s->priority = policy > SCHED_IDLE ? 0 : p.sched_priority;
	s->given |= 1u << SURROUND_SCHEDULER;
}

static void take_priorities(struct surroundings *s)
{
	char text[16];
	int64_t adj;
	long io;
	int n;

	errno = 0;
	n = getpriority(PRIO_PROCESS, 0);
	if (errno == 0) {
		s->nice = n;
		s->given |= 1u << SURROUND_NICE;
	}
	io = syscall(SYS_ioprio_get, IOPRIO_OF_PROCESS, 0);
	if (io >= 0) {
		s->io_priority = (int32_t)io;
		s->given |= 1u << SURROUND_IO;
	}
	n = io_read_small(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text));
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = 0;
	if (n > 0 && str_int(text, -1000, 1000, &adj) == 0) {
		s->oom_score_adj = (int32_t)adj;
		s->given |= 1u << SURROUND_OOM;
	}
}

void surroundings_take(const struct shell *shell, struct spec *spec)
{
	struct surroundings *s = &spec->surroundings;

	spec->umask = shell->umask;
	memcpy(s->limit, shell->limit, sizeof(s->limit));
	s->given = shell->given;
	take_scheduler(s);
	take_priorities(s);
	if (cpus_own(&s->cpus) == 0)
		s->given |= 1u << SURROUND_CPUS;
}
