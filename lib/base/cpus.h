/*
 * base/cpus.h - a set of processors, as sched_setaffinity(2) takes it and as the kernel writes it
 * ("0-3,8").
 */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

#include <stdbool.h>
#include <stddef.h>

#define CPUS_MAX  8192u /* what a kernel can be built for */
#define CPUS_WORD (8u * sizeof(unsigned long))

struct cpus {
	unsigned long word[CPUS_MAX / CPUS_WORD];
};

void cpus_all(struct cpus *ret);
bool cpus_is_all(const struct cpus *c);

/* "all", or numbers and ranges of them. -EINVAL: neither, a number of CPUS_MAX or more, a range
 * that runs backward, or none at all. */
int cpus_parse(const char *text, struct cpus *ret);
/* And back, malloc'ed; NULL without memory. */
char *cpus_print(const struct cpus *c);

/* The processors that the caller may run on; all of them where nothing keeps it from any that is
 * online. -errno. */
int cpus_own(struct cpus *ret);
/* Let the caller run on these; those that are not there don't count. -EINVAL: none of them is. */
int cpus_apply(const struct cpus *c);

#endif
