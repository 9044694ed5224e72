#!/bin/bash
# Model-checks the table's protocols (tests/model/*.pml) with SPIN: each must hold, and its
# deliberately broken variants (-DBROKEN, -DCARELESS) must fail, so that a model which can't fail is
# noticed. Prints one line each and "N passed, N failed". Arguments: names of models; default all.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check MODEL [-DBROKEN]: exit status 0 = no error found, 1 = an error found, 2 = the checker itself
# failed.
check() {
	local out=$work/$1${2:-} run=(./pan -m1000000)
	mkdir -p "$out"
	cd "$out" || return 2
	spin -a ${2:+"$2"} "$top/tests/model/$1.pml" >log 2>&1 &&
		gcc -O2 -w -o pan pan.c >>log 2>&1 || return 2
	grep -q '^ltl' "$top/tests/model/$1.pml" && run+=(-a -f)
	"${run[@]}" >log 2>&1
	grep -q 'max search depth too small\|pan: out of memory' log && return 2
	grep -q 'errors: 0$' log && return 0
	grep -q 'errors: [1-9]' log && return 1
	return 2
}

judge() {
	local want=$1 what=$2 got states
	shift 2
	(check "$@")
	got=$?
	states=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' "$work/$1${2:-}/log" | head -n 1)
	if [ "$got" = "$want" ]; then
		echo "model: $1: $what (${states:-?} states)"
		passed=$((passed + 1))
	else
		echo "model: $1 ${2:-}: FAILED, wanted: $what"
		sed 's/^/    /' "$work/$1${2:-}/log" | head -n 30
		failed=$((failed + 1))
	fi
}

[ $# -gt 0 ] || set -- latch lock ring
for model in "$@"; do
	judge 0 "its properties hold" "$model"
	for broken in $(grep -oE -- "-D(BROKEN|CARELESS)" "tests/model/$model.pml" | sort -u); do
		judge 1 "the variant $broken is found out" "$model" "$broken"
	done
done
echo "model: $passed passed, $failed failed"
[ $failed = 0 ]
