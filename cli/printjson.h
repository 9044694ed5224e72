/*
 * cli/printjson.h - a document on standard output.
 */
#ifndef CLI_PRINTJSON_H
#define CLI_PRINTJSON_H

#include "json/write.h"

/* Print it with a newline behind it, and free it: all of it, or that there was no memory. Returns
 * an exit status. */
int printjson(struct json_out *o);
/* Says why there is no document: of json_end(). Returns an exit status. */
int printjson_failed(int error);

#endif
