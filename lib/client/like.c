/* client/like.c - did you mean (client/like.h). */
#include "client/like.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"

#define MAX_DISTANCE 2u

/* Of two that are equally far, the one of the same length wins: swapped letters are the commonest
 * slip. */
void like_try(struct like *l, const char *candidate)
{
	size_t a = strlen(l->typed), b = strlen(candidate);
	unsigned distance = str_distance(l->typed, candidate);
	unsigned score = 4 * distance + (unsigned)(a > b ? a - b : b - a);

	if (distance > MAX_DISTANCE || distance >= a || (l->best && score >= l->score))
		return;
	l->best = candidate;
	l->score = score;
}
