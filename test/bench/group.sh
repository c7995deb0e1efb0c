# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# To be sourced, so that other work on the machine disturbs a measurement little. If there is a cpu
# controller, this shell and its children move to their own control group, of the greatest weight.
# (Niceness is not enough: with autogroups it counts only within a session.) group_leave moves them
# back and removes the group.
bench_group=
group_leave() {
	[ -n "$bench_group" ] || return 0
	echo $$ > "${bench_group%/*}/cgroup.procs"
	rmdir "$bench_group" 2> /dev/null || { sleep 0.5; rmdir "$bench_group"; }
	bench_group=
}
group_enter() {
	local g
	for g in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
		[ -e "$g/cgroup.procs" ] && mkdir "$g/baton-bench-$$" 2> /dev/null || continue
		bench_group=$g/baton-bench-$$
		{ echo 262144 > "$bench_group/cpu.shares" || echo 10000 > "$bench_group/cpu.weight"; } 2> /dev/null
		echo $$ > "$bench_group/cgroup.procs"
		return
	done
}
trap group_leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
group_enter
