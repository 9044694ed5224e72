#!/bin/bash
# The manual page of one command, from its own help: tools/manpage.sh TEND COMMAND VERSION >
# tend-COMMAND.1 What only belongs into a manual stands in docs/man/commands/COMMAND.roff and goes
# in front of the examples.
set -euo pipefail
tend=$1 command=$2 version=$3
extra=$(dirname "$0")/../docs/man/commands/$command.roff
[ -f "$extra" ] || extra=/dev/null
"$tend" help "$command" | awk -v command="$command" -v version="$version" -v extra="$extra" '
function roff(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	gsub(/\047/, "\\(aq", s)
	if (s ~ /^\./)
		s = "\\&" s
	return s
}
function section(name) {
	if (now != name)
		print ".SH " name
	now = name
	paragraph = table = 0
}
function endtable() {
	if (table)
		print ".fi\n.RE"
	table = 0
}
NR == 1 {
	title = $0
	sub(/^[^:]*: /, "", title)
	printf ".\\\" Made by tools/manpage.sh from \"tend help %s\".\n", command
	printf ".TH TEND\\-%s 1 \"\" \"tend %s\" \"User Commands\"\n",
		toupper(roff(command)), version
	printf ".SH NAME\ntend\\-%s \\- %s\n.SH SYNOPSIS\n.nf\n", roff(command), roff(title)
	now = "SYNOPSIS"
	next
}
now == "SYNOPSIS" && /^(usage:|      ) / {
	sub(/^usage: +/, "")
	sub(/^ +/, "")
	print ".B " roff($0)
	next
}
now == "SYNOPSIS" && /^$/ {
	if (++blanks == 2) {
		print ".fi"
		section("DESCRIPTION")
	}
	next
}
/^Examples:$/ {
	endtable()
	while ((getline line < extra) > 0)
		print line
	section("EXAMPLES")
	print ".nf"
	examples = 1
	next
}
examples {
	sub(/^  /, "")
	print roff($0)
	next
}
/^$/ {
	endtable()
	paragraph = 1
	option = 0
	next
}
# "  --option VALUE  what it does", or a line of options alone, continued by the next.
/^  -/ {
	endtable()
	section("OPTIONS")
	text = substr($0, 3)
	at = match(text, /  +/)
	tag = at ? substr(text, 1, at - 1) : text
	about = at ? substr(text, at + RLENGTH) : ""
	if (!open)
		print ".TP"
	printf open ? ".br\n.B \"%s\"\n" : ".B \"%s\"\n", roff(tag)
	open = about == ""
	if (about != "")
		print roff(about)
	option = 1
	next
}
option && /^     / {
	sub(/^ +/, "")
	print roff($0)
	open = 0
	next
}
/^  / {
	if (!table)
		print ".RS\n.nf"
	table = 1
	option = 0
	print roff($0)
	next
}
{
	endtable()
	option = open = 0
	if (paragraph)
		print ".PP"
	paragraph = 0
	print roff($0)
}
END {
	if (examples) {
		print ".fi"
	} else {
		endtable()
		while ((getline line < extra) > 0)
			print line
	}
	print ".SH SEE ALSO\n.BR tend (1)"
}'
