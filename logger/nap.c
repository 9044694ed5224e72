/* logger/nap.c - how long a pipe is left to fill (logger/drain.h). */
#include "logger/drain.h"

#define PIPE_BYTES (64u << 10) /* where the pipe does not say */

/* The pipe was nearly full: its writer had to wait, or soon would have. Nearly empty: the call was hardly worth it. */
uint64_t drain_nap(uint64_t nap_ns, uint64_t moved, uint64_t pipe_bytes)
{
	if (pipe_bytes == 0)
		pipe_bytes = PIPE_BYTES;
	if (moved >= pipe_bytes - pipe_bytes / 4)
		nap_ns /= 2;
	else if (moved < pipe_bytes / 4)
		nap_ns *= 2;
	if (nap_ns < DRAIN_NAP_MIN_NS)
		return DRAIN_NAP_MIN_NS;
	return nap_ns < DRAIN_NAP_MAX_NS ? nap_ns : DRAIN_NAP_MAX_NS;
}
