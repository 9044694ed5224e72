/* words/why.c - the story of one process (words/why.h). */
#include "words/why.h"

#include "base/clock.h"
#include "base/str.h"
#include "words/paragraph.h"
#include "words/story.h"

#define LAST 12u /* transitions to tell: two or three crashes with their restarts */

static void put_state(FILE *to, const struct why *w)
{
	uint64_t since = w->r->row.life.since_boot_ns;
	char note[STORY_MAX], span[CLOCK_TEXT_MAX];

	fprintf(to, "%s: %s", w->name, view_state(w->r));
	if (w->v->same_boot && since && w->v->now_boot_ns > since)
		fprintf(to, " for %s", clock_span(w->v->now_boot_ns - since, span));
	story_note(w->v, w->r, note);
	fprintf(to, " (%s)\n", note[0] ? note : pt_reason_sentence(w->r->row.life.reason));
}

/* How it does, and whose word that is. */
static void put_health(FILE *to, const struct why *w)
{
	const struct pt_health *h = &w->r->row.health;
	char error[sizeof(h->error) * 4];

	str_visible(error, sizeof(error), h->error);
	fprintf(to, "Health: %s%s%s%s\n", pt_health_label(h->verdict), error[0] ? " (" : "", error,
		error[0] ? ")" : "");
	if (w->v->monitor.brake_since_real_ns)
		fprintf(to, "Brake: restarts of unhealthy processes are held back: %s\n",
			w->v->monitor.brake_reason);
}

static void put_events(FILE *to, const struct why *w)
{
	size_t skip = w->n > LAST ? w->n - LAST : 0;
	char text[STORY_MAX], when[CLOCK_TEXT_MAX];

	if (skip)
		fprintf(to, "  ... %zu earlier (%s events %s)\n", skip, w->program, w->name);
	for (size_t i = skip; i < w->n; i++)
		fprintf(to, "  %s %s\n", clock_rfc3339(w->events[i].real_ns, when),
			story_event(&w->events[i], text));
}

void why_write(FILE *to, const struct why *w)
{
	char next[STORY_MAX];

	if (w->r) {
		put_state(to, w);
		put_health(to, w);
	}
	put_events(to, w);
	if (!w->r)
		return;
	fputs("Next: ", to);
	paragraph_write(to, story_next(w->v, w->r, next), 6, w->width);
}
