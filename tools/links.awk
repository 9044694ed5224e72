# Turns the "links:" comments of the test sources into make rules:
#     /* links: spawner/machine.c spawner/policy.c */   in tests/unit/test_spawner_machine.c becomes
#     BUILD/tests/unit/test_spawner_machine: BUILD/spawner/machine.o BUILD/spawner/policy.o
# A folder stands for all of its modules but main.c:
#     /* links: cli/ */
# Usage: awk -v build=build/plain -f tools/links.awk FILE...
/\/\* *links:/ {
	line = $0
	sub(/.*links:/, "", line)
	sub(/\*\/.*/, "", line)
	n = split(line, word, /[ ,\t]+/)
	target = FILENAME
	sub(/\.c$/, "", target)
	for (i = 1; i <= n; i++)
		if (word[i] ~ /^[a-z]+\/$/) {
			sub(/\//, "", word[i])
			print build "/" target ": $(filter-out " build "/" word[i] "/main.o," \
				"$(call objects_of," word[i] "))"
		} else if (word[i] ~ /\.c$/) {
			sub(/\.c$/, ".o", word[i])
			print build "/" target ": " build "/" word[i]
		}
}
