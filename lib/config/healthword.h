/* config/healthword.h - the short forms of health: "tcp:8080" and others, as the object that they
 * stand for. */
#ifndef CONFIG_HEALTHWORD_H
#define CONFIG_HEALTHWORD_H

#include <stdbool.h>

#include "base/fault.h"

/* The short forms of "tend start --health": mesh, mesh:PORT, http:URL, tcp:HOST:PORT or tcp:PORT,
 * exec:COMMAND, mcp:URL. Returns the JSON text of the object, malloc'ed; NULL with the reason. */
char *health_from_word(const char *word, struct fault *f);
bool health_is_word(const char *word);

#endif
