#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One row of the matrix: a client of a kind against three nodes, step by step.
#
#    row.sh NAME OUT      rows/NAME.sh says what client it is; a line "STEP<tab>RESULT<tab>WHY"
#                         for each step goes to OUT/cells, what a step printed to OUT/STEP.log
#
# rows/NAME.sh sets what follows, and the peer (peer_X.sh) turns it into its own configuration:
#    PEER AUTH CLIENT_ID GHOST_ID        psk, pubkey or eap-mschapv2; two identities
#    CLIENT_KEY GATEWAY_KEYS             kinds of keys (pki.sh), where there are certificates
#    LOCAL_ID REMOTE_ID                  the gateway's, as it says it and as the client expects it
#    IKE ESP                             what the client proposes; unset: the peer's default
#    OPT_IN                              what init's proposals lack: lines for [[connection]]
#    DNS MOBIKE PACKETS                  yes or no: asks for DNS; moves; has user-space ESP. MOBIKE=unrekeyed:
#                                        moves until it has rekeyed its IKE SA
# and what is the peer's alone. A row also gets what `baton init` writes, as its proposals.
set -u
. "$(dirname "$0")/../netns/steps.sh"
. "$(dirname "$0")/../netns/pki.sh"
ROWS=$(cd "$(dirname "$0")/rows" && pwd)
row=$1 out=$2
PACKETS=yes DNS=yes MOBIKE=yes
address=
export SNAPLEN=1600 # groups.py reads whole IKE_SA_INIT requests.
. "$ROWS/$row.sh"
. "$(dirname "$0")/peer_$PEER.sh"
. "$(dirname "$0")/gateway.sh"
. "$(dirname "$0")/steps.sh"
mkdir -p "$out"
: > "$out/cells"

# cell STEP FUNCTION: 0 pass, 77 not applicable, with the reason in its last line; else fail.
cell() {
	local step=$1 rc result why from=$SECONDS; shift
	case " ${STEPS:-$step} " in *" $step "*) ;; *) return 0 ;; esac
	if grep -q '^connect	fail' "$out/cells"; then
		result='-' why="it did not connect"
	else
		"$@" > "$out/$step.log" 2>&1
		rc=$?
		why=$(tail -n 1 "$out/$step.log")
		case $rc in
		0) result=pass why=$(sed -n 's/^note: //p' "$out/$step.log" | tail -n 1) ;;
		77) result=n/a ;;
		*) result=fail bad=$((bad + 1)) ;;
		esac
	fi
	printf '%s\t%s\t%s\n' "$step" "$result" "$why" >> "$out/cells"
	say "$(printf '%-10s %-5s %3d s  %s' "$step" "$result" $((SECONDS - from)) "$why")"
}
not_here() { echo "$*"; return 77; }

why=$(peer_possible)
[ -z "$why" ] || skip "$why"
[ -x "$BATON" ] || skip "no $BATON"
lab_new
gateway_up
cell connect step_connect
cell first_ke step_first_ke
cell config step_config
cell traffic step_traffic
cell c_child step_client_rekeys child
cell c_ike step_client_rekeys ike
cell move step_move
cell nat step_nat
cell owner step_owner
cell leader step_leader
cell midrekey step_midrekey
cell dpd step_dpd
cell power step_power
cell g_child step_gateway_rekeys child
cell g_ike step_gateway_rekeys ike
cell delete step_delete
cell again step_again
cell midauth step_midauth
cell end step_end
cell numbers step_numbers
finish
