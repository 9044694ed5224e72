/*
 * config/wishes.h - run/wishes: what was asked for since processes.json was last written, one line
 * for each change; the last line about a name counts.
 *
 * Written by the spawner alone, before a change is carried out or answered (spawner/wishes.h), and
 * removed once processes.json says the same. So whoever wants to know both without the spawner
 * reads this first: what is missing here is there by then.
 */
#ifndef CONFIG_WISHES_H
#define CONFIG_WISHES_H

#include "base/fault.h"
#include "base/home.h"
#include "config/desired.h"

#define WISHES_FILE "wishes"

enum wish { WISH_NONE, WISH_UP, WISH_DOWN, WISH_GONE, WISH_MAX };

/* The word in a line; NULL for WISH_NONE. */
const char *wish_word(enum wish wish);

/* The text of the file, to be freed; -ENOENT: there is none. */
int wishes_load(int run_fd, char **ret);
/* Call take for each line in order. The text is cut up by it. */
void wishes_each(char *text, void (*take)(void *arg, const char *name, enum wish wish), void *arg);

/* processes.json (config/desired.h) with the wishes about its entries carried out: one that is to
 * be down or gone is not up. */
int desired_load_wished(const struct home *h, struct desired *ret, struct fault *f);

#endif
