/* tests/unit/test_base_xxh64.c - what the reference implementation computes, in one piece and in
 * many. */
#include <check.h>
#include <stdlib.h>

#include "base/xxh64.h"
#include "tests/unit/run.h"

static const struct {
	size_t bytes; /* of the pattern below */
	uint64_t sum;
} known[] = {
	{ 0, 0xef46db3751d8e999ull },
	{ 1, 0xa96c7f0ce858bbb7ull },
	{ 3, 0xbed43740ee6332bbull },
	{ 4, 0xfa212ae44b3bb23dull },
	{ 5, 0xd339dcc9ac8e6776ull },
	{ 7, 0x2744460dd675d2c0ull },
	{ 8, 0x994b676b71ce94ddull },
	{ 12, 0xb92f588ce720786eull },
	{ 15, 0x09e6451ed2ff8b1dull },
	{ 31, 0x6711d55e306b5d8full },
	{ 32, 0x07f7b8e3bc5d6e25ull },
	{ 33, 0x09f85eeb4e1cbe9full },
	{ 39, 0xb13c137a0fb701c3ull },
	{ 63, 0xb7c9968c066cb6a5ull },
	{ 64, 0x50d4159a0411632eull },
	{ 100, 0x9ddada11d3dc2d8full },
	{ 1000, 0x0bf0bdbcc82eb373ull },
	{ 4096, 0xcf05adf75aca30cfull },
	{ 100003, 0xb50ad3cd166fe52bull },
};

static unsigned char pattern[100003];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 131 + 7);
}

START_TEST(as_the_reference)
{
	fill();
	ck_assert_uint_eq(xxh64(pattern, known[_i].bytes), known[_i].sum);
	for (size_t piece = 1; piece < 70; piece += 3) {
		struct xxh64 x;

		xxh64_begin(&x);
		for (size_t at = 0; at < known[_i].bytes; at += piece)
			xxh64_add(&x, pattern + at,
				known[_i].bytes - at < piece ? known[_i].bytes - at : piece);
		ck_assert_uint_eq(xxh64_end(&x), known[_i].sum);
	}
	ck_assert_uint_eq(xxh64("abc", 3), 0x44bc2cf5ad770999ull); /* from its specification */
}
END_TEST

START_TEST(every_bit_counts)
{
	uint64_t sum;
	unsigned same = 0;

	fill();
	sum = xxh64(pattern, 300);
	for (unsigned bit = 0; bit < 300 * 8; bit++) {
		pattern[bit / 8] ^= (unsigned char)(1u << bit % 8);
		same += xxh64(pattern, 300) == sum;
		pattern[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	ck_assert_uint_eq(same, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_loop_test(tc, as_the_reference, 0, sizeof(known) / sizeof(known[0]));
	tcase_add_test(tc, every_bit_counts);
	return run_cases("base_xxh64", tc, NULL);
}
