/* words/meshcolumns.c - what the registry says of an agent (words/meshcolumns.h). */
#include "words/meshcolumns.h"

#include "base/str.h"
#include "client/listed.h"

static enum pt_listing listing_of(const struct view_row *r)
{
	if (r->row.ident.service != PT_SERVICE_AGENT || !view_is_up(r))
		return PT_LISTING_NONE;
	return (enum pt_listing)r->row.health.listing;
}

const char *meshcolumns_registered(
	const struct view *v, const struct view_row *r, char *buf, size_t size)
{
	(void)v, (void)buf, (void)size;
	switch (listing_of(r)) {
	case PT_LISTING_LISTED:
		return "yes";
	case PT_LISTING_MISSING:
		return "no";
	case PT_LISTING_UNKNOWN:
		return "unknown";
	default:
		return "-";
	}
}

enum tone meshcolumns_tone(const struct view_row *r)
{
	switch (listing_of(r)) {
	case PT_LISTING_LISTED:
		return TONE_GOOD;
	case PT_LISTING_MISSING:
		return TONE_WARNING;
	default:
		return TONE_DIM;
	}
}

const char *meshcolumns_endpoint(
	const struct view *v, const struct view_row *r, char *buf, size_t size)
{
	(void)v;
	if (!listed_has(r) || !str_visible(buf, size, r->row.health.registry_endpoint))
		return "-";
	return buf;
}

const char *meshcolumns_capabilities(
	const struct view *v, const struct view_row *r, char *buf, size_t size)
{
	return listed_capabilities(listed_entry(v->listed, r), buf, size);
}
