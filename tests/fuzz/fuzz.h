/*
 * tests/fuzz/fuzz.h - what every fuzz target has: one entry, for libFuzzer (make fuzz) and for
 * tests/fuzz/driver.c (make check).
 *
 * A target must accept any bytes, leave nothing behind (memory, descriptors, files), and end by
 * abort() where a promise is broken.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that no build option turns off. */
#define MUST(condition) ((condition) ? (void)0 : abort())

#endif
