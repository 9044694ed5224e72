#!/bin/bash
# Sums what "make coverage" has counted: lines that some test ran, by folder, and for each file of
# them the lines that none did in build/coverage/uncovered.
set -u
cd "$(dirname "$0")/.." || exit 1
build=build/coverage
shopt -s nullglob
profiles=("$build"/profiles/*)
[ ${#profiles[@]} -gt 0 ] || { echo "coverage: nothing was counted" >&2 && exit 1; }
llvm-profdata merge -sparse -o "$build/profile" "${profiles[@]}" || exit 1
objects=()
for program in build/bin-coverage/tend* "$build"/tests/unit/test_*; do
	[[ $program == *.[od] ]] || objects+=(-object "$program")
done
llvm-cov export -format=lcov -instr-profile="$build/profile" "${objects[@]}" \
	-ignore-filename-regex='/tests/' 2>/dev/null >"$build/lines" || exit 1

awk -v top="$PWD/" -v list="$build/uncovered" '
function flush() {
	if (file != "" && gaps != "")
		print file ":" gaps > list
	gaps = ""
}
/^SF:/ {
	flush()
	file = substr($0, 4)
	sub("^" top, "", file)
	folder = file
	sub("/.*", "", folder)
}
/^DA:/ {
	split(substr($0, 4), part, ",")
	lines[folder]++
	if (part[2] > 0)
		run[folder]++
	else
		gaps = gaps " " part[1]
}
END {
	flush()
	for (folder in lines)
		printf "coverage: %-10s %5d of %5d lines, %5.1f %%\n", folder, run[folder], \
			lines[folder], 100 * run[folder] / lines[folder] | "sort"
}' "$build/lines"
