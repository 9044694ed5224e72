#!/bin/bash
# Runs every unit test program that was built, side by side, each for at most five minutes. Shows
# one line per program, and the whole output of those that fail. Counts go to $BUILD/results/unit
# ("PASSED FAILED"). Environment: BUILD, UNIT_JOBS, UNIT_TIMEOUT.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # whoever runs make in here starts anew
: "${BUILD:=build/plain}"
results=$BUILD/results/unit-runs
rm -rf "$results"
mkdir -p "$results"

# Check prints "66%: Checks: 3, Failures: 1, Errors: 0" for each run of a suite runner. A program
# that ends badly without having said of any failure counts as one: it crashed, hung or never got as
# far.
run_one() {
	local program=$1 name out status passed failed
	name=$(basename "$program")
	out=$2/$name
	timeout --kill-after=5 "${UNIT_TIMEOUT:-300}" "$program" >"$out.out" 2>&1 </dev/null
	status=$?
	read -r passed failed < <(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+).*/\1 \2 \3/p' "$out.out" |
		awk '{ bad = $2 + $3; all_bad += bad; good += $1 - bad } END { print good + 0, all_bad + 0 }')
	[ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
	[ $((passed + failed)) -gt 0 ] || failed=1
	echo "$passed $failed" >"$out.count"
	if [ "$failed" = 0 ]; then
		printf 'unit: %-32s %d passed\n' "$name" "$passed"
		return
	fi
	{
		printf 'unit: %-32s %d passed, %d failed' "$name" "$passed" "$failed"
		case $status in
		0) echo ;;
		124 | 137) echo " (time is up)" ;;
		*) echo " (exit status $status)" ;;
		esac
		sed "s/^/    /" "$out.out"
	} >"$out.report"
	cat "$out.report"
}
export -f run_one

shopt -s nullglob
programs=()
for source in tests/unit/test_*.c; do
	programs+=("$BUILD/${source%.c}")
done
# shellcheck disable=SC2016
if [ ${#programs[@]} -gt 0 ]; then
	printf '%s\n' "${programs[@]}" | CK_VERBOSITY="${CK_VERBOSITY:-normal}" \
		xargs -P "${UNIT_JOBS:-$(nproc)}" -I PROGRAM \
		bash -c 'run_one "$@"' unit PROGRAM "$results"
fi
cat "$results"/*.count /dev/null | awk '{ p += $1; f += $2 } END { print p + 0, f + 0; exit f > 0 }' >"$BUILD/results/unit"
