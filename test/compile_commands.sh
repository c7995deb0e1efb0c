#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads the commands that `make -n V=1` prints, writes a compile_commands.json.
set -eu
dir=$(cd "$(dirname "$0")/.." && pwd)
grep -oE '^[^ ]*(gcc|g\+\+|cc|c\+\+|clang|clang\+\+) .* -c -o [^ ]+ [^ ]+\.(c|cc)$' |
	awk -v dir="$dir" '
	BEGIN { printf "[" }
	{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\"")
	  printf "%s\n{\"directory\": \"%s\", \"file\": \"%s\", \"command\": \"%s\"}", n++ ? "," : "", dir, $NF, $0 }
	END { print "\n]" }'
