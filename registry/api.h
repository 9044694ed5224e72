/*
 * registry/api.h - what is asked, and what is answered, without HTTP: method, path, query and body
 * in; status and text out. PURE but for what it asks its keeper to store.
 */
#ifndef REGISTRY_API_H
#define REGISTRY_API_H

#include "registry/gate.h"
#include "registry/table.h"

#define API_BODY_MAX   (1024u * 1024)
#define API_ANSWER_MAX (96u * 1024 * 1024)

/* Makes a registration durable; it is answered only after that. 0 or a negative errno with the
 * reason. */
typedef int api_store_fn(void *arg, struct agent *a, struct fault *f);

struct api {
	struct table table;
	api_store_fn *store; /* NULL: nothing is stored */
	void *store_arg;
	struct gate gate;
	uint64_t now_boot_ns, now_real_ns; /* set before each call */
	uint64_t started_boot_ns, started_real_ns;
	uint64_t beat_real_ns; /* the last sign of life of anybody */
};

struct request {
	/* the path as it came, still with its %-escapes undone by HTTP */
	const char *method, *path;
	const char *(*query)(void *arg, const char *key); /* NULL: not given */
	void *query_arg;
	const char *body, *if_none_match; /* if_none_match: NULL = not given */
	size_t body_len;
	struct gate_headers headers;
};

struct reply {
	unsigned status;
	struct json_out body; /* empty: none */
	const char *allow;    /* with 405 */
	char etag[64];	      /* "" = none */
};

/* Answer. Release the reply's body with json_free(). */
void api_answer(struct api *api, const struct request *q, struct reply *ret);
/* {"detail": text} as an answer. */
void api_detail(struct reply *r, unsigned status, const char *text);

/* GET /agents and GET /capabilities, in listing.c. */
void api_agents(struct api *api, const struct request *q, struct reply *r);
void api_capabilities(struct api *api, const struct request *q, struct reply *r);

#endif
