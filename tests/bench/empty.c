/* tests/bench/empty.c - the floor of any program. */
int main(void)
{
	return 0;
}
