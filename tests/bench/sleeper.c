/* tests/bench/sleeper.c - does nothing, for ever. */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
