/*
 * registry/gate.h - who may ask at all. There is no password, so a page of any site that is open in
 * a browser on this machine could have it ask in its stead: what a browser sends of its own accord
 * is what such requests are known by. PURE.
 */
#ifndef REGISTRY_GATE_H
#define REGISTRY_GATE_H

#include <stdbool.h>
#include <stddef.h>

#define GATE_HOSTS_MAX 16u

struct gate {
	const char *own; /* the host that is listened on, as it was given; NULL: none is named */
	const char *allowed[GATE_HOSTS_MAX]; /* further names that clients may use for it */
	size_t n_allowed;
	bool public; /* names without a dot, too: no site can have one */
};

struct gate_headers { /* NULL: not sent */
	const char *host, *origin, *fetch_site, *content_type;
};

/* 0: it may; else the status to answer with, and *why says it.
 *
 * Host must be a loopback name, an address, or one of the names above: a name that a site had
 * pointed at this machine (DNS rebinding) is none. Origin, where it is sent, must be this registry
 * itself. A body must not be of a type that a page may send anywhere without being asked, but for
 * the one that curl and Python send where nobody chose one: browsers name an Origin with it. */
unsigned gate_check(
	const struct gate *g, const char *method, const struct gate_headers *h, const char **why);

#endif
