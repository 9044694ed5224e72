/* spawner/shutdown.c - see spawner/shutdown.h. */
#define _GNU_SOURCE 1
#include "spawner/shutdown.h"

#include "base/clock.h"
#include "base/say.h"

#define LAST_SAVE_S 10

/* The end of the instance does not wait for a disk that hangs. What the saver did not get written
 * dies with it. */
static void on_saved_too_late(void *arg)
{
	struct spawner *sp = arg;

	say(SAY_WARNING, "processes.json in %s could not be written within %d s; ending without",
		sp->start.home.path, LAST_SAVE_S);
	loop_stop(sp->loop, 0);
}

void spawner_all_rest(struct spawner *sp)
{
	static struct loop_timer patience;
	static bool last_save;

	for (uint32_t i = 0; i < sp->capacity; i++)
		if (sp->slot[i] && proc_is_up(sp->slot[i]))
			return;
	if (!last_save) {
		last_save = true;
		loop_timer_init(&patience, on_saved_too_late, sp);
		loop_timer_set(sp->loop, &patience, clock_boot_ns() + LAST_SAVE_S * NS_PER_SEC);
		save_now(sp);
	}
	if (!save_pending(sp))
		loop_stop(sp->loop, 0);
}
