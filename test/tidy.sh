#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The rules of the layers, checked by grep: who may include whom, what a pure
# layer may not call, how long a file may be, that each names its licence, and where no bug
# is planted.
# A violation is printed as file:line: what; any of them makes the check fail.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
fail() { printf '%s\n' "$1"; bad=$((bad + 1)); }

sources() { find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.py' \
	-o -name '*.sh' -o -name '*.mk' -o -name '*.proto' \) 2>/dev/null | sort; }

# no_include DIR WHAT...: no file below DIR includes a path that begins with WHAT.
no_include() {
	local dir=$1 what hit; shift
	[ -d "$dir" ] || return 0
	for what; do
		while IFS= read -r hit; do
			fail "${hit%%:#*}: $dir/ may not include $what"
		done < <(grep -rnHoE --include='*.[ch]' --include='*.cc' \
			"#[[:space:]]*include[[:space:]]*[<\"](\.\./)*${what}[^>\"]*" "$dir")
	done
}
no_include proto cluster/ xdp/ node/ uv.h uv/ raft.h raft/ sys/socket.h lmdb.h
no_include cluster xdp/ node/ uv.h uv/ raft/uv.h sys/socket.h lmdb.h
no_include xdp cluster/ node/ uv.h uv/ raft
# The walls within a layer. What is not named here may be entered.
no_include proto/wire proto/crypto proto/esp proto/ike proto/auth
no_include proto/crypto proto/esp proto/ike proto/auth
no_include proto/esp proto/ike proto/auth
no_include cluster/raft cluster/state/ cluster/link cluster/core/
no_include cluster/state cluster/raft cluster/link cluster/core/
no_include cluster/link cluster/raft cluster/state/ cluster/core/
no_include xdp/engine xdp/port xdp/host xdp/thread xdp/[a-z]*.h sys/ linux/ net/ pthread time unistd poll signal stdatomic
no_include xdp/thread xdp/engine xdp/port xdp/host xdp/[a-z]*.h
no_include xdp/port xdp/worker.h xdp/mailbox.h
no_include node/config node/process node/http node/cli node/control node/store
no_include node/store node/http node/cli node/control node/link

# pure DIR|FILE...: no clock, randomness, environment, thread, socket or log. Comments do not count.
pure() {
	local files hit
	mapfile -t files < <(sources "$@")
	while IFS= read -r hit; do fail "$hit"; done < <(awk '
		FNR == 1 { inside = 0 }
		{ line = $0; out = ""
		  while (line != "") {
			if (inside) { i = index(line, "*/"); if (!i) break
				line = substr(line, i + 2); inside = 0; continue }
			i = index(line, "/*"); j = index(line, "//")
			if (j && (!i || j < i)) { out = out substr(line, 1, j - 1); break }
			if (!i) { out = out line; break }
			out = out substr(line, 1, i - 1); line = substr(line, i + 2); inside = 1 }
		  gsub(/"([^"\\]|\\.)*"/, "\"\"", out)
		  if (match(out, /(^|[^A-Za-z0-9_>.])(time|rand|random|srand|clock_gettime|gettimeofday|RAND_bytes|getenv|getrandom|printf|fprintf|syslog|socket|sendto|recvfrom|boottime_us|(pthread|atomic|epoll|thread)_[a-z_]+)[ \t]*\(/)) {
			call = substr(out, RSTART, RLENGTH - 1); sub(/^[^A-Za-z]/, "", call)
			print FILENAME ":" FNR ": a pure layer calls " call } }' "${files[@]}")
}
pure proto
pure cluster

pure xdp/engine

# uv.h belongs to node/ alone.
while IFS= read -r hit; do
	fail "${hit%%:#*}: only node/ may include uv.h"
done < <(grep -rnHE --include='*.[ch]' --include='*.cc' '#[[:space:]]*include[[:space:]]*<uv(\.h|/)' \
	--exclude-dir=node --exclude-dir=build --exclude-dir=.git .)

mapfile -t files < <(sources proto cluster xdp node deploy test; echo Makefile)
while IFS= read -r hit; do fail "$hit"; done < <(awk '
	function end() {
		if (lines > 500) print file ":" lines ": longer than 500 lines"
		if (file != "" && !licence) print file ":1: no SPDX line" }
	FNR == 1 { end(); file = FILENAME; licence = 0 }
	{ lines = FNR }
	FNR <= 5 && /SPDX-License-Identifier: / { licence = 1 }
	END { end() }' "${files[@]}")

# The BPF program alone carries the second licence, where the kernel wants it.
for file in xdp/port/*.bpf.c; do
	[ -e "$file" ] || continue
	grep -q 'license.*"Dual BSD/GPL"' "$file" || fail "$file:1: license string is not \"Dual BSD/GPL\""
done

# What a reader must believe has no planted bug in it; theirs are patches, and apply to the letter.
for file in cluster/state/{lease,horizon,slots}.c proto/esp/{sad,replay}.c cluster/core/grants.c \
	cluster/link/proof.c proto/ike/window.c; do
	[ -e "$file" ] || fail "$file:1: is not there, and is to be without planted bugs"
	while IFS= read -r hit; do
		fail "${hit%:*}: a planted bug belongs into test/sim/patches/"
	done < <(grep -nHo 'MUTANT' "$file" 2>/dev/null)
done
for file in test/sim/patches/*.patch; do
	said=$(patch --dry-run -s -f -F0 -p1 < "$file" 2>&1) || fail "$file:1: no longer applies: ${said//$'\n'/ }"
done

# What wants more than grep: lengths of functions, names of structs, unused fields, rooms, circles.
test/tidy.py || bad=$((bad + 1))

if [ $bad -gt 0 ]; then
	echo "tidy: $bad violations"
	exit 1
fi
echo "tidy: ok"
