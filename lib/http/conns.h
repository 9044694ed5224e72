/*
 * http/conns.h - all connections, by how long each has been at what it does, and what they
 * hold: when room is needed, whoever has taken longest is ended.
 *
 * A client that does its business takes milliseconds; one that sends half a request, or does not
 * read its answer, becomes the oldest. So nobody who hurries is shut out, however many others there
 * are.
 */
#ifndef HTTP_CONNS_H
#define HTTP_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define CONNS_MAX	  2000u
#define CONNS_OF_ONE	  64u /* of one address of another machine */
#define CONNS_REQUEST_S	  30u /* from the end of the request before until the answer is read */
#define CONNS_BODIES_MAX  (64u * 1024 * 1024)  /* of all requests that are being received */
#define CONNS_ANSWERS_MAX (128u * 1024 * 1024) /* of all answers that are not read yet */

struct MHD_Connection;

struct conn {
	struct conn *before, *after; /* by since */
	struct MHD_Connection *mhd;
	struct conn *behind; /* of those that wait for their turn */
	struct addr peer;
	int fd;
	uint64_t since_boot_ns;
	char *body;
	size_t len, cap;
	size_t answer;	  /* bytes that are not read yet */
	unsigned refused; /* status to answer with as soon as the request is all in */
	bool waits, has_turn, ended;
};

struct conns {
	struct conn *first, *last; /* first: the oldest */
	size_t n, live, max;	   /* live: without the ended ones, which are still to be closed */
	size_t bodies, answers;
	struct conn *waits_first, *waits_last;
};

/* max: what the limit on descriptors allows, CONNS_MAX at most. */
void conns_init(struct conns *l);
/* A new one; room is made for it. NULL: no memory. */
struct conn *conns_add(struct conns *l, struct MHD_Connection *mhd, int fd, const struct addr *peer,
	uint64_t now_boot_ns);
/* It is closed. */
void conns_remove(struct conns *l, struct conn *c);
/* Its request is over: what it held is free, and it counts as new. */
void conns_rest(struct conns *l, struct conn *c, uint64_t now_boot_ns);
/* Shut it down; libmicrohttpd sees that and closes it. */
void conns_end(struct conns *l, struct conn *c);
/* End whoever takes longer than allowed; returns when the next one does, 0: nobody. */
uint64_t conns_sweep(struct conns *l, uint64_t now_boot_ns);

/* Room for more of its body. False: there is none. */
bool conns_body_room(struct conns *l, struct conn *c, size_t more);
/* Its answer has so many bytes. */
void conns_answer(struct conns *l, struct conn *c, size_t bytes);

/* Wait for a turn, and whose turn is next (NULL: nobody waits). */
void conns_wait(struct conns *l, struct conn *c);
struct conn *conns_next(struct conns *l);

#endif
