/*
 * config/surroundings.h - what a process would have inherited from the shell that started it, had
 * the shell started it itself: the object "surroundings" of a specification. docs/surroundings.md
 * says what else is inherited, and what becomes of that.
 */
#ifndef CONFIG_SURROUNDINGS_H
#define CONFIG_SURROUNDINGS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/cpus.h"
#include "base/fault.h"

/* Bits of given, and of what the kernel refused: 1 << RLIMIT_... for the limits, then these. */
enum surrounding {
	SURROUND_NICE = RLIM_NLIMITS,
	SURROUND_OOM,
	SURROUND_SCHEDULER,
	SURROUND_IO,
	SURROUND_CPUS,
	SURROUND_MAX
};

struct surroundings {
	uint32_t given;	       /* what is not is left as the daemons have it */
	int32_t nice;	       /* -20 to 19 */
	int32_t oom_score_adj; /* -1000 to 1000 */
	int32_t scheduler;     /* SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH or SCHED_IDLE */
	int32_t priority;      /* of SCHED_FIFO and SCHED_RR, else 0 */
	int32_t io_priority;   /* as ioprio_set(2) takes it: class << 13 | level */
	struct cpus cpus;
	struct rlimit limit[RLIM_NLIMITS]; /* by RLIMIT_ number */
};

/* What one of them is called in the text and to people: "nice", "core" ... */
const char *surrounding_label(unsigned which);
/* The labels of a set of bits, joined by ", "; cut to size at a name. */
void surroundings_list(uint32_t set, char *buf, size_t size);

struct cJSON;
/* o: the object; NULL gives nothing. Strict: -EINVAL names what is wrong. */
int surroundings_read(const struct cJSON *o, struct surroundings *ret, struct fault *f);
struct json_out;
void surroundings_write(struct json_out *o, const char *key, const struct surroundings *s);

#endif
