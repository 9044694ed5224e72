/* spawner/room.c - can the daemons hold the output of one more process? (spawner/rows.h) */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "spawner/rows.h"

/* what a daemon has beside those for processes, with room for the files of those that write just
 * now */
#define OWN_DESCRIPTORS 40u

/* Each daemon has up to so many for a process: its end of each pipe, and a pidfd. */
static unsigned wanted(const struct pt_ident *ident)
{
	return 2u + (ident->separate_stderr != 0);
}

int room_for(struct spawner *sp, const struct pt_ident *ident, struct fault *f)
{
	uint64_t sum = OWN_DESCRIPTORS + wanted(ident);
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return 0;
	for (uint32_t i = 0; i < sp->capacity; i++)
		if (sp->slot[i] && strcmp(sp->slot[i]->ident->name, ident->name) != 0)
			sum += wanted(sp->slot[i]->ident);
	if (sum <= files.rlim_cur)
		return 0;
	return fault_set(f, -EMFILE,
		"its output could not be held: the daemons may have %" PRIu64
		" open files each (ulimit -n), and %" PRIu64 " would be needed with it; "
		"\"tend remove\" what is not needed, or \"tend stop\" and start with a higher limit",
		(uint64_t)files.rlim_cur, sum);
}
