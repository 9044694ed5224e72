/*
 * logread/filter.h - can this block of an archive contain a text? One bit for each hash of three lower-cased bytes that follow each other.
 *
 * "No" is always right; "yes" is wrong now and then: for log text about one time in five for a text of 3 bytes, and hardly ever from 8 on.
 *
 * USED BY   logread/, tests.
 */
#ifndef LOGREAD_FILTER_H
#define LOGREAD_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_BYTES 4096u /* 1.6 % of a block; must stay a power of two. Twice that would make reading the index dearer than the blocks it saves */

void filter_add(uint8_t *filter, uint32_t bytes, const char *text, size_t len);
/* bytes as in archive_head.filter_bytes; 0: there is no filter, so it may. */
bool filter_may_contain(const uint8_t *filter, uint32_t bytes, const char *text, size_t len);

#endif
