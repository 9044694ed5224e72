#!/bin/bash
# Runs the fuzz targets of tests/fuzz on their corpus in tests/fuzz/corpus/NAME and on changes of
# it.
#   tools/fuzz.sh quick             built by the ordinary compiler with tests/fuzz/driver.c: a few
#                                   seconds for all, part of make check. Environment: BUILD
#   tools/fuzz.sh long [NAME...]    libFuzzer, sanitized, FUZZ_SECONDS (60) for each; new inputs go
#                                   to build/fuzz/corpus/NAME, a finding to build/fuzz/
# Prints "fuzz: N passed, N failed".
set -u
shopt -s nullglob
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build/plain}"
mode=${1:-quick}
shift
passed=0
failed=0
names=("$@")
if [ ${#names[@]} = 0 ]; then
	for source in tests/fuzz/fuzz_*.c; do
		name=${source#tests/fuzz/fuzz_}
		names+=("${name%.c}")
	done
fi

tell() { # tell NAME STATUS LOG
	if [ "$2" = 0 ]; then
		printf 'fuzz: %-12s %s\n' "$1" \
			"$(grep -E 'changed inputs|^Done|DONE' "$3" | tail -n 1)"
		passed=$((passed + 1))
	else
		printf 'fuzz: %-12s FAILED (exit status %s)\n' "$1" "$2"
		tail -n 40 "$3" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
}

quick() {
	local log
	log=$(mktemp)
	timeout 120 "$BUILD/tests/fuzz/fuzz_$1" "${FUZZ_SECONDS:-1.5}" ${TEND_SEED:+"$TEND_SEED"} \
		"tests/fuzz/corpus/$1" >"$log" 2>&1
	tell "$1" $? "$log"
	rm -f "$log"
}

long() {
	local out=build/fuzz flags links
	mkdir -p "$out/corpus/$1"
	read -r -a flags <<<"$(pkg-config --cflags libcjson)"
	read -r -a links <<<"$(pkg-config --libs libcjson liblz4)"
	local words=() modules=() word file
	read -r -a words \
		<<<"$(sed -nE 's|.*/\* links: (.*) \*/.*|\1|p' "tests/fuzz/fuzz_$1.c" | head -n 1)"
	for word in ${words[@]+"${words[@]}"}; do
		if [[ $word != */ ]]; then
			modules+=("$word")
			continue
		fi
		for file in "$word"*.c; do # a folder stands for all of its modules but main.c
			[ "$file" = "${word}main.c" ] || modules+=("$file")
		done
	done
	clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-I. -Ilib -D_GNU_SOURCE -DTEND_VERSION='"0"' "${flags[@]}" -o "$out/fuzz_$1" \
		"tests/fuzz/fuzz_$1.c" lib/{base,json,config,logread}/*.c shm/*.c \
		lib/{client,term,words}/*.c \
		${modules[@]+"${modules[@]}"} "${links[@]}" -pthread >"$out/$1.log" 2>&1 &&
		"$out/fuzz_$1" -max_total_time="${FUZZ_SECONDS:-60}" -artifact_prefix="$out/$1-" \
			"$out/corpus/$1" "tests/fuzz/corpus/$1" >>"$out/$1.log" 2>&1
	tell "$1" $? "$out/$1.log"
}

for name in "${names[@]}"; do
	case $mode in
	quick | long) "$mode" "$name" ;;
	*) echo "usage: tools/fuzz.sh quick|long [NAME...]" >&2 && exit 2 ;;
	esac
done
echo "fuzz: $passed passed, $failed failed"
[ $failed = 0 ]
