/*
 * cli/json.h - JSON output. Strings from the table are untrusted: what is not UTF-8 in them becomes U+FFFD, so that
 * the output always parses.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* Values; NULL when out of memory, which cJSON_AddItemToObject() passes on by leaving the key out. */
cJSON *json_text(const char *text); /* NULL: null */
cJSON *json_masked(const char *text); /* the same, what looks like a secret masked (config/redact.h) */
cJSON *json_time(uint64_t real_ns); /* RFC 3339; 0: null */
cJSON *json_seconds(uint64_t ns);   /* to the millisecond */
cJSON *json_u64(uint64_t value);    /* all digits, also beyond what a double holds */

/* Put a value into an object, which then owns it. False: there was no value, or no memory; then it is freed. */
bool json_add(cJSON *to, const char *key, cJSON *item);

/* Print with two blanks for each level (or on one line), a newline behind it, and free. Returns an exit status. */
int json_print(cJSON *tree);
int json_print_line(cJSON *tree);

#endif
