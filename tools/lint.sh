#!/bin/bash
# Static analysis of the files named. Formatting is only reported; a finding of cppcheck or
# clang-tidy fails. CFLAGS: how they are compiled.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || exit 0
read -r -a flags <<<"${CFLAGS:-}"
status=0
sources=()
for f in "$@"; do
	[[ $f != *.c ]] || sources+=("$f")
done

echo "clang-format: files that 'make fmt' would change:"
for f in "$@"; do
	clang-format "$f" | cmp -s - "$f" || echo "  $f"
done
# Left out: varFuncNullUB. NULL is a pointer with every libc that tend is built with, and may end a
# list of arguments.
echo "cppcheck:"
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--error-exitcode=1 --suppress=missingIncludeSystem --suppress=varFuncNullUB \
	-I. -Ilib -DTEND_VERSION='"0"' -D__x86_64__ "${sources[@]}" || status=1
echo "clang-tidy:"
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I FILE \
	clang-tidy --quiet FILE -- "${flags[@]}" 2>/dev/null || status=1
# Left out: malloc-leak and mismatching-deallocation. gcc 12 loses sight of what is passed on inside
# a struct, and takes reallocarray() for free().
echo "gcc -fanalyzer:"
printf '%s\n' "${sources[@]}" | grep -v '^tests/' | xargs -P "$(nproc)" -I FILE \
	gcc "${flags[@]}" -O1 -Werror -fanalyzer -Wno-analyzer-malloc-leak \
	-Wno-analyzer-mismatching-deallocation -c -o /dev/null FILE || status=1
if command -v shellcheck >/dev/null; then
	echo "shellcheck:"
	shellcheck tools/*.sh .ci/run || status=1
fi
exit $status
