#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: xdp socket
# A stock client re-authenticates, as it is configured to: break before make (its own
# DELETE, then IKE_SA_INIT at once) and make before break. It keeps its virtual IP, and
# afterwards one session is left.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_conf
sed -i '0,/dpd_delay/s//reauth_time = 5s\n\t\t\tover_time = 30s\n\t\t\tdpd_delay/' "$LAB/cl/swanctl.conf"
ike_is_another() { local now; now=$(client_ike_spis); [ -n "$now" ] && [ "$now" != "$1" ]; }
one_session() { [ "$(ask_any /v1/sessions length)" = 1 ]; }
tunnel() { at cl ping -c 1 -W 1 -q $SERVER; }
for how in no yes; do
	echo "make_before_break = $how" > "$LAB/cl/charon.conf"
	client_start
	check "make before break $how: the client joins" client_up
	vip=$(client_vip) ike=$(client_ike_spis)
	check "make before break $how: it has an address" test -n "$vip"
	check "make before break $how: it authenticates anew" until_ok 30 ike_is_another "$ike"
	check "make before break $how: its tunnel is there" until_ok 10 tunnel
	check "make before break $how: the address that it had" same "$(client_vip)" "$vip"
	check "make before break $how: one session is left" until_ok 10 one_session
	swan cl stop
	none() { [ "$(ask_any /v1/sessions length)" = 0 ]; }
	until_ok 10 none || note "sessions are left"
done
outer_clean
finish
