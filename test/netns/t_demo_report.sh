#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo's number, from runs recorded here: the gap is the silence that contains
# the kill, whatever the pinging process does later; and where namespaces cannot be made, the
# demo says so instead of failing at the first use of one.
set -u
. "$(dirname "$0")/steps.sh"
lab_new
# A packet every 8 ms from -1000 to 3000 ms around the kill at 10,000, answered after 0.2 ms, except
# those lost in (FROM, TO). moved: when another node was first seen.
report() { "$PYTHON" - "$LAB_ROOT/deploy" "$@" <<-'PY'
	import sys
	sys.path.insert(0, sys.argv[1])
	import demo_report
	moved, holes = eval(sys.argv[2]), eval(sys.argv[3])
	kill, rows = 10000.0, []
	for i in range(500):
	    sent = kill - 1000 + 8 * i
	    lost = any(a < sent - kill < b for a, b in holes)
	    rows.append([i, sent, None if lost else sent + 0.2])
	back = demo_report.first_back(rows, kill, moved and kill + moved)
	print("none" if back is None else "%.1f" % (back - kill))
	PY
}
check "the first packet after the kill" same "$(report 40 '[(0, 47)]')" 48.2
check "a later stall, longer than the gap, is not it" same "$(report 40 '[(0, 47), (500, 1718)]')" 48.2
check "nor is one before the kill" same "$(report 40 '[(-900, -100), (0, 47)]')" 48.2
check "the victim's last answer after the signal is not it" same "$(report 40 '[(6, 47)]')" 48.2
check "without a capture" same "$(report None '[(6, 47), (500, 1718)]')" 48.2
check "nobody takes over" same "$(report None '[(0, 9999)]')" none
no_namespaces() {
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin --ambient-caps -all \
		"$LAB_ROOT/deploy/demo.sh" --no-install > "$LAB/demo.log" 2>&1
	[ $? = 1 ] && grep -q 'network namespaces cannot be used here' "$LAB/demo.log" &&
		[ "$(grep -vc '^Installing' "$LAB/demo.log")" -le 3 ] || { cat "$LAB/demo.log"; return 1; }
}
check "without namespaces the demo says so" no_namespaces
finish
