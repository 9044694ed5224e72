/* registry/serve.h - the answers of registry/api.h for the server of http/server.h. */
#ifndef REGISTRY_SERVE_H
#define REGISTRY_SERVE_H

#include "http/server.h"
#include "registry/api.h"

/* The clocks of api are set. */
void serve_answer(struct api *api, const struct http_request *q, struct http_reply *ret);
/* For struct http_handler; arg is not looked at. */
void serve_refusal(void *arg, unsigned status, struct http_reply *ret);
bool serve_is_light(void *arg, const char *path);

#endif
