#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Key exchange through nodes that do not lead. The holder of the address relays
# to the leader and sends its answers; an exchange that began through one node goes on
# through another when the first dies after the COOKIE, or after IKE_SA_INIT.
set -u
. "$(dirname "$0")/steps.sh"
CLUSTER_KEYS='cookie_above = 1' cluster_up
holder() { ask_any /v1/status '[.nodes[] | select(.holds_address)][0].name // empty'; }
apart() { local l h; l=$(leader) && h=$(holder) && [ "$l" != "$h" ]; }
check "the leader does not hold the address" until_ok 20 apart
cat > "$LAB/relay.py" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import ikev2
psk = open(sys.argv[4], "rb").read().rstrip(b"\n")
local, gateway = sys.argv[2:4]

def say(text):
    print(text, flush=True)

def wait_for(text):
    assert sys.stdin.readline().strip() == text

class Paused(ikev2.Initiator):
    """Waits once between the COOKIE and what answers it."""
    def _exchange(self, message, sa):
        answer = super()._exchange(message, sa)
        if sa is None and not self.cookies and not ikev2.w.first(answer[1], ikev2.w.SA):
            say("cookie")
            wait_for("holder killed")
        return answer

i = ikev2.Initiator(local, gateway, "cl", psk, timeout=20.0)
i.sa_init()
say("init")
wait_for("holder killed")
i.auth()
say("auth")
assert i.ping("10.20.0.50", 5, timeout=3.0)
i.close()
for _ in range(3):      # leave a few half open: the gateway wants cookies now
    h = ikev2.Initiator(local, gateway, "cl", psk)
    h.sa_init()
    h.close()
p = Paused(local, gateway, "cl", psk, timeout=20.0)
p.connect()
say("cookies %d" % p.cookies)
p.ping("10.20.0.50", 2)
p.rekey_child()
p.rekey_ike()
p.dpd()
assert p.ping("10.20.0.50", 5, timeout=3.0)
p.delete_ike()
say("deleted")
PY
puppet relay
kill_holder() {
	gone=$(holder)
	check "$1: the holder is not the leader" differ "$gone" "$(leader)"
	events_save "$gone"
	node_kill "$gone"
	held() { local h; h=$(holder) && [ "$h" != "$gone" ]; }
	check "$1: another node holds the address" until_ok 10 held
	puppet_tell "holder killed"
}
check "IKE_SA_INIT is answered" same "$(puppet_says)" init
kill_holder "after IKE_SA_INIT"
check "IKE_AUTH completes by another node" same "$(puppet_says)" auth
node_gone_and_back "$gone"
until_ok 30 all_nodes_up || die "not all nodes are up"
until_ok 20 apart
check "a COOKIE is asked for" same "$(puppet_says)" cookie
kill_holder "after the COOKIE"
check "and it is good at another node" same "$(puppet_says)" "cookies 1"
check "rekeys, liveness check and DELETE by way of the holder" same "$(puppet_says)" deleted
[ $bad -eq 0 ] || cat "$LAB/relay.log"
outer_clean
finish
