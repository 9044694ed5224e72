#!/bin/bash
# Runs the system tests: pytest over tests/system, side by side. Arguments go to pytest ("-k name");
# files among them replace the whole folder. Counts go to $BUILD/results/system ("PASSED FAILED").
# Environment: BUILD, TEND_BIN, TEST_BIN, PYTHON, TEST_JOBS.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # whoever runs make in here starts anew
: "${BUILD:=build/plain}" "${PYTHON:=/usr/bin/python3}"
mkdir -p "$BUILD/results"
xml=$BUILD/results/system.xml
rm -f "$xml" "$BUILD/results/system"
export TEND_BIN="${TEND_BIN:-$PWD/build/bin}" TEST_BIN="${TEST_BIN:-$PWD/$BUILD/tests/bin}" \
	PYTHONDONTWRITEBYTECODE=1

where=(tests/system)
for argument in "$@"; do
	[[ $argument != tests/* ]] || where=()
done

# The tests mostly wait for processes, so there are more of them than processors.
jobs=${TEST_JOBS:-$((2 * $(nproc) > 8 ? 8 : 2 * $(nproc)))}
"$PYTHON" -m pytest -c tests/system/pytest.ini --rootdir=tests/system -q -n "$jobs" \
	--junitxml="$xml" "$@" "${where[@]}"
status=$?

# Exit status 5: no test was selected. Anything else that is neither "passed" nor "some failed"
# broke pytest itself.
counts=$(grep -o '<testsuite [^>]*' "$xml" 2>/dev/null | head -n 1 | awk '{
	for (i = 1; i <= NF; i++) {
		split($i, kv, "=")
		gsub(/"/, "", kv[2])
		n[kv[1]] = kv[2]
	}
	bad = n["failures"] + n["errors"]
	good = n["tests"] - bad - n["skipped"]
	print good < 0 ? 0 : good, bad
}')
[ -n "$counts" ] || counts="0 0"
if [ $status != 0 ] && [ $status != 5 ] && [ "${counts#* }" = 0 ]; then
	counts="${counts% *} 1"
fi
echo "$counts" >"$BUILD/results/system"
[ "${counts#* }" = 0 ]
