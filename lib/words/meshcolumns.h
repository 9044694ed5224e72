/*
 * words/meshcolumns.h - the columns of what the registry says of an agent (words/columns.h).
 */
#ifndef WORDS_MESHCOLUMNS_H
#define WORDS_MESHCOLUMNS_H

#include "words/columns.h"

/* yes, no, unknown (no registry was asked yet, or it does not answer), - (no agent, not running, or
 * without a registry). */
const char *meshcolumns_registered(
	const struct view *v, const struct view_row *r, char *buf, size_t size);
enum tone meshcolumns_tone(const struct view_row *r);

const char *meshcolumns_endpoint(
	const struct view *v, const struct view_row *r, char *buf, size_t size);
/* Their names, where v->listed is there. */
const char *meshcolumns_capabilities(
	const struct view *v, const struct view_row *r, char *buf, size_t size);

#endif
