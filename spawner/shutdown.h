/* spawner/shutdown.h - the end of the instance: when everything is down, and that is written. */
#ifndef SPAWNER_SHUTDOWN_H
#define SPAWNER_SHUTDOWN_H

#include "spawner/spawner.h"

/* Called at every transition of a shutdown, and when a save has ended: is everything down? Then the
 * last save, and after it the end of the loop. */
void spawner_all_rest(struct spawner *sp);

#endif
