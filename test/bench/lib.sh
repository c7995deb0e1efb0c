# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# To be sourced first, as `. lib.sh`, by a measurement's script: runs the script again in a control
# group (group.sh; the laboratory has its own exit trap, so one process cannot do both), and loads
# the laboratory there.
# shellcheck source=test/bench/group.sh
if [ -z "${IN_GROUP:-}" ]; then
	. "$(dirname "${BASH_SOURCE[0]}")/group.sh"
	IN_GROUP=1 "$0" "$@"
	exit
fi
# shellcheck source=test/netns/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/steps.sh"
LOAD=$LAB_ROOT/build/bench/handshakes # The generator: `commit` and `rate`.
# bench_made NAME...: the program, and these of build/bench/.
bench_made() { make -s -C "$LAB_ROOT" all "${@/#/build/bench/}" || exit 1; }
