#!/bin/bash
# Everything that is checked, then one closing line that sums it. The parts run one after the other;
# each runs its own tests side by side. Arguments go to the system tests. Environment: BUILD,
# TEND_BIN, TEST_BIN, PYTHON.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build/plain}" "${PYTHON:=/usr/bin/python3}"
# The objects of a sanitized build have symbols that nobody wrote.
layers_build=$BUILD
[ "$BUILD" = build/plain ] || layers_build=
passed=0
failed=0

for part in "$PYTHON tools/layers.py ${layers_build}" tools/lengths.sh "$PYTHON tools/widths.py" \
	tools/model.sh; do
	# shellcheck disable=SC2086 # a command and its arguments
	if $part; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done

if tools/fuzz.sh quick; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

rm -f "$BUILD/results/unit" "$BUILD/results/system"
tools/unit.sh
tools/system.sh "$@"
for part in unit system; do
	if read -r good bad <"$BUILD/results/$part"; then
		passed=$((passed + good))
		failed=$((failed + bad))
	else
		failed=$((failed + 1))
	fi
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
