/*
 * monitor/sample.h - what a process and everything below it uses, from /proc.
 */
#ifndef MONITOR_SAMPLE_H
#define MONITOR_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sample {
	uint64_t memory_bytes; /* resident */
	uint64_t cpu_ns;       /* of the processes that are there now */
	uint64_t read_bytes;   /* from and to storage, where /proc/PID/io may be read */
	uint64_t written_bytes;
	uint32_t processes, threads;
	uint32_t files; /* open descriptors, where /proc/PID/fd may be read */
};

struct sample_walk; /* memory that samples use one after the other */
int sample_walk_new(struct sample_walk **ret);
void sample_walk_free(struct sample_walk *w);

/* Sample the tree of exactly this process. -ESRCH: it has ended, or the pid is another's by now. */
int sample_tree(struct sample_walk *w, pid_t root, uint64_t start_ticks, struct sample *ret);

/* read_bytes and write_bytes of /proc/PID/io. -EINVAL: not such a text. */
int sample_parse_io(const char *text, uint64_t *ret_read, uint64_t *ret_written);

/* Thousandths of one core, rounded. A tree that has lost a process may have used less than before:
 * 0. */
uint32_t sample_permille(uint64_t cpu_before_ns, uint64_t cpu_now_ns, uint64_t elapsed_ns);

#endif
