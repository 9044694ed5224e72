/* logger/drain_nap.c - how long a pipe is left to fill (logger/drain.h). */
#include "logger/drain.h"

#define PIPE_BYTES (64u << 10) /* where the pipe does not say */

/* The pipe was half full or more: its writer had to wait, or soon would have. Nearly empty: the
 * call was hardly worth it. 0: it fills faster than we could sleep. */
uint64_t drain_nap(uint64_t nap_ns, uint64_t moved, uint64_t pipe_bytes)
{
	if (pipe_bytes == 0)
		pipe_bytes = PIPE_BYTES;
	if (moved >= pipe_bytes / 2)
		return nap_ns / 2 < DRAIN_NAP_MIN_NS ? 0 : nap_ns / 2;
	if (moved < pipe_bytes / 8)
		nap_ns = nap_ns ? nap_ns * 2 : DRAIN_NAP_MIN_NS;
	return nap_ns < DRAIN_NAP_MAX_NS ? nap_ns : DRAIN_NAP_MAX_NS;
}
