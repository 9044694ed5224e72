/* client/watcher.c - who waits while something is done (client/watcher.h). */
#include "client/watcher.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 256u /* more than a line of a terminal */

void watcher_hear(const struct watcher *w, enum heard kind, const char *text)
{
	if (w && w->hear)
		w->hear(w->arg, kind, text);
}

void watcher_pause(const struct watcher *w)
{
	if (w && w->pause)
		w->pause(w->arg);
}

void watcher_wait(const struct watcher *w, uint64_t since_boot_ns, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (!w || !w->wait)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->wait(w->arg, text, since_boot_ns);
}

void watcher_came(const struct watcher *w)
{
	if (w && w->wait)
		w->wait(w->arg, NULL, 0);
}

int watcher_stops(const struct watcher *w)
{
	return w && w->stops ? w->stops(w->arg) : 0;
}
