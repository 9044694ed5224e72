/*
 * tests/bin/stdin_reader.c - reads its input and repeats it, and ends with its input, as agents
 * over stdio do.
 *
 * "ready PID", then "read: TEXT" for each line, then "eof" and exit status 0. A read error is exit
 * status 1, with its text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", (int)getpid());
	while ((n = getline(&line, &size, stdin)) > 0)
		printf("read: %s%s", line, line[n - 1] == '\n' ? "" : "\n");
	free(line);
	if (ferror(stdin)) {
		perror("stdin_reader");
		return 1;
	}
	puts("eof");
	return 0;
}
