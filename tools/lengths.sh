#!/bin/bash
# Reports functions over 60 lines and files over 400 (headers: 150), outside tests; fails on
# functions over 100 and files over 600. A function is what stands between a "{" and a "}" in the
# first column; tables (.def) and layout.h may be as long as they are.
set -u
cd "$(dirname "$0")/.." || exit 1
shopt -s nullglob
files=({lib/*,shm,guardian,spawner,monitor,logger,registry,cli}/*.[ch])
[ ${#files[@]} -gt 0 ] || { echo "lengths: ok"; exit 0; }
awk '
function file_end() {
	if (file == "")
		return
	limit = file ~ /\.h$/ ? 150 : 400
	if (lines > limit && file !~ /(^|\/)layout\.h$/)
		report(file, "file", lines, limit, 600)
}
function report(where, what, n, soft, hard) {
	printf "lengths: %s: %s has %d lines, over %d%s\n", where, what, n,
		(n > hard ? hard : soft), (n > hard ? "" : " (only a remark)")
	if (n > hard)
		failed = 1
}
FNR == 1 { file_end(); file = FILENAME; inside = 0; name = "" }
{ lines = FNR }
!inside && /^[A-Za-z_].*\(/ {
	name = $0
	sub(/[ \t]*\(.*/, "", name)
	sub(/.*[ \t*]/, "", name)
}
!inside && (/^\{/ || /^[A-Za-z_].*\).*\{[ \t]*$/) { inside = 1; start = FNR; next }
inside && /^\}/ {
	n = FNR - start - 1
	if (n > 60)
		report(file ":" start, name "()", n, 60, 100)
	inside = 0
}
END { file_end(); if (!failed) print "lengths: ok"; exit failed }
' "${files[@]}"
