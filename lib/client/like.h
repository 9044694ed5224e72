/*
 * client/like.h - "did you mean": the best of a number of candidates for something that was
 * misspelt.
 */
#ifndef CLIENT_LIKE_H
#define CLIENT_LIKE_H

struct like {
	const char *typed;
	const char *best; /* NULL: nothing looks like it */
	unsigned score;	  /* private */
};

#define LIKE(text) \
	{ \
		.typed = (text) \
	}

void like_try(struct like *l, const char *candidate);

#endif
