#!/bin/bash
# Everything that is checked, then one closing line that sums it. The parts run one after the other; each runs its own tests side by side.
# Arguments go to the system tests. Environment: BUILD, TEND_BIN, TEST_BIN, PYTHON.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build/plain}"
passed=0
failed=0

for part in layers lengths model; do
	if tools/$part.sh; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
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
