/* json/document.h - JSON from a file: broken, or only no memory to read it? */
#ifndef JSON_DOCUMENT_H
#define JSON_DOCUMENT_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* Parse the JSON at the beginning of len bytes. 0, and *ret is the caller's to delete; -EINVAL: it
 * is none, see *ret_at; -ENOMEM: not known. *ret_at is where the parser stopped. What takes a file
 * away because it is broken must not take one for which a moment's memory was missing. */
int document_parse(const char *text, size_t len, const char **ret_at, cJSON **ret);

#endif
