/*
 * logread/filter.h - can this block of an archive contain a text? One bit for each hash of three
 * lower-cased bytes that follow each other.
 *
 * "No" is always right; "yes" is wrong now and then: for log text about one time in five for a text
 * of 3 bytes, and hardly ever from 8 on.
 *
 * USED BY   logread/, tests.
 */
#ifndef LOGREAD_FILTER_H
#define LOGREAD_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "logread/format.h"

/* of a longer text so many, spread over it: more would rule out little more */
#define FILTER_HASHES 24u

/* The pages of a group of so many blocks, and the width of its words. */
unsigned filter_pages(unsigned blocks);
/* The pages of all groups. */
uint64_t filter_pages_of_all(uint32_t blocks);

/* Of a group of blocks, in words of 64 bits. block: its number in the group. A text in pieces: each
 * must begin with the last two bytes of the one before. */
void filter_add(uint64_t words[static FILTER_BITS], unsigned block, const char *text, size_t len);

/* Make the words as narrow as they lie in a file, in their place. */
void filter_narrow(uint64_t words[static FILTER_BITS], unsigned pages);
/* In which page of its group the word of a hash lies, and the word. */
unsigned filter_page(unsigned pages, uint32_t hash);
uint64_t filter_word(
	const unsigned char page[static FILTER_PAGE_BYTES], unsigned pages, uint32_t hash);

/* Which words say whether a text can be in a block: all must have the block's bit. Returns how
 * many; 0: any block may hold it. */
unsigned filter_hashes(const char *text, size_t len, uint32_t ret[static FILTER_HASHES]);

#endif
