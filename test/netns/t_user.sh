#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A node's user: never root, however it is started; its data is given to that user once; and the
# capabilities and limits that the unit and the container name are enough, also for the
# priority of heartbeats.
set -u
. "$(dirname "$0")/steps.sh"
[ -x "$BATON" ] || skip "no $BATON"
lab_new
lab_net 1
relaxed >> "$LAB/extra.toml"
lab_config "$MODE" 1
conf=$LAB/conf/cluster.toml
data=$LAB/data/n1
cp "$conf" "$LAB/good.toml"
under=() # What runs the node.
node_start() { background "$1" ip netns exec "$(ns "$1")" "${under[@]}" "$BATON" run --config "$conf" --node "$1"; }
uid_of() { awk '/^Uid:/ { print $2 == $3 && $3 == $4 && $4 == $5 ? $2 : "mixed" }' "/proc/$(pid_of n1)/status"; }
foreign() { find "$data" ! -uid "$1" | grep .; }
# becomes TEXT UID: the node is ready at its rung as that user, and all data is that user's.
becomes() {
	nodes_start 20
	[ "$MODE" = auto ] || check "$1: the data path is $MODE" same "$(status n1 .datapath.mode)" "$MODE"
	check "$1: user id $2" same "$(uid_of)" "$2"
	check "$1: so is its data" same "$(foreign "$2")" ''
	node_term n1
}
says() { grep -q "$1" "$LAB/n1.log"; }
keys() { cp "$LAB/good.toml" "$conf"; [ -z "$1" ] || sed -i "s/^name = \"lab\"/&\n$1/" "$conf"; }

nodes_start 20
own=$(uid_of)
if getent passwd baton > /dev/null; then
	check "root becomes the user baton" same "$own" "$(id -u baton)"
else
	check "root becomes a number that no user has" [ "$own" -ge 61184 -a "$own" -le 65519 ]
	check "it says so" says "user id $own: there is no user \"baton\" here"
fi
node_term n1
becomes "again" "$own"

keys 'user = "nobody"'
becomes "user = \"nobody\"" "$(id -u nobody)"
keys ''
chown -R root: "$data"
becomes "data of root's" "$own"
echo precious > "$LAB/precious"
mkdir -p "$data/store.new"
ln "$LAB/precious" "$data/store.new/tip"
ln -s "$LAB/precious" "$data/store.new/data.mdb"
chown root: "$data"
nodes_start 20
check "a link in it is not followed" same "$(stat -c '%u' "$LAB/precious")" 0
check "$(stat -c %n "$data/store.new/tip") neither" same "$(uid_of)" "$own"
node_term n1
rm -rf "$data/store.new"

refused() { timeout 10 ip netns exec "$(ns n1)" "$BATON" run --config "$conf" --node n1 > "$LAB/refused.log" 2>&1; [ $? = 1 ] && grep -q "$1" "$LAB/refused.log"; }
keys 'user = "bat-on"'
check "a user that there is not is an error" refused 'cluster.toml: user = "bat-on": there is no such user'
keys 'user = "root"'
becomes "user = \"root\"" 0
check "which is said" says 'runs as root, as \[cluster\] user says'
keys ''

# ---- as the unit and the container start it
list() { sed -n "s/^$2=//p" "$LAB_ROOT/deploy/baton@.$1" | tr ' ' '\n' | sort | tr '\n' ' '; }
check "unit and container name the same capabilities" same "$(list container AddCapability)" "$(list service CapabilityBoundingSet)"
bounded=$(list service CapabilityBoundingSet | sed 's/ $//; s/CAP_/+/g; s/ /,/g' | tr '[:upper:]' '[:lower:]')
under=(setpriv --no-new-privs --bounding-set "-all,$bounded")
becomes "root with these" "$own"
rm -rf "$data"
becomes "root with these, and no data yet" "$own"

# ---- heartbeats come before all else
setting() { sed -n "s/^$2=//p" "$LAB_ROOT/deploy/baton@.$1"; }
nice_of() { # PATTERN [not]: of the threads of such names, or of all others
	local t
	for t in /proc/"$(pid_of n1)"/task/*; do
		grep -qxE "$1" "$t/comm" && [ -n "${2:-}" ] && continue
		! grep -qxE "$1" "$t/comm" && [ -z "${2:-}" ] && continue
		awk '{ print $19 }' "$t/stat"
	done | sort -u | tr '\n' ' '
}
punctual() { # TEXT
	: > "$LAB/n1.log"
	nodes_start 20
	check "$1: the threads of the heartbeats have their priority" same "$(nice_of 'baton-link|baton-beat')" "$nice "
	check "$1: no other has" same "$(nice_of 'baton-link|baton-beat' not)" "$(setting service Nice) "
	check "$1: nothing is said of it" same "$(lines 'heartbeats have no priority')" 0
	node_term n1
}
# limited TEXT: by what unit and container grant, where root may raise that limit at all.
limited() {
	if ! "${granted[@]}" true 2> /dev/null; then
		echo "SKIPPED $1: the priority of heartbeats: RLIMIT_NICE cannot be raised here (CAP_SYS_RESOURCE)"
		return
	fi
	under=("${granted[@]}" "${under[@]}")
	punctual "$1"
}
lines() { grep -c "$1" "$LAB/n1.log"; }
nice=$(setting service LimitNICE)
limit=$((20 - nice)) # getrlimit(2), RLIMIT_NICE
granted=(prlimit "--nice=$limit:$limit")
check "unit and container grant the same" same "$(setting container Ulimit | sed -n 's/^nice=//p')" "$limit:$limit"
under=(setpriv --no-new-privs --bounding-set "-all,$bounded,+sys_nice")
punctual "root with these and CAP_SYS_NICE"
under=(setpriv --no-new-privs --bounding-set "-all,$bounded")
limited "root with these"
under=(prlimit --nice=0:0 setpriv --no-new-privs --bounding-set "-all,$bounded")
nodes_start 20
check "without the limit: it runs, and says what it needs" says "heartbeats have no priority.*LimitNICE=$nice .*nice=$limit"
check "without the limit: it has none" same "$(nice_of 'baton-link|baton-beat')" "0 "
node_term n1

# ---- never root: User= and AmbientCapabilities=
ambient=$(sed 's/+chown,//; s/+set[a-z]*,//g' <<< "$bounded")
chmod 711 "$LAB" "$LAB/data" "$LAB/conf"
chown -R 4711:4711 "$LAB/conf/secrets" "$data"
chmod 644 "$conf"
# Its unit gives it a folder for the control socket (RuntimeDirectory=).
install -d -o 4711 -g 4711 "$LAB/run"
sed -i "s|^control = .*|control = \"$LAB/run/n1.sock\"|" "$conf"
under=(setpriv --no-new-privs --reuid 4711 --regid 4711 --clear-groups --bounding-set "-all,$bounded" --inh-caps "-all,$ambient" --ambient-caps "-all,$ambient")
becomes "started as another user" 4711
limited "another user"
chown -R root: "$LAB/conf/secrets" "$data" "$LAB/run"

# ---- a container that has no user but root
if [ "$MODE" = socket ] && unshare -Urn true 2> /dev/null; then
	rm -rf "$data"
	under=()
	background n1 unshare -Urn sh -c "ip link set lo up; ip addr add 10.77.0.11/32 dev lo; ip link add wan type veth peer name wan2
		ip link add lan type veth peer name lan2; for i in wan lan wan2 lan2; do ip link set \$i up; done
		exec '$BATON' run --config '$conf' --node n1"
	ready_inside() { nsenter -t "$(pid_of n1)" -U -n --preserve-credentials curl -s -m 2 http://127.0.0.1:9505/readyz | grep -q ok; }
	check "a container without another user: it runs" until_ok 15 ready_inside
	check "and says as whom" says 'runs as root: this container has no other user'
	node_term n1
fi
check "no assertion" same "$(grep -c Assertion "$LAB/n1.log")" 0
note "user id $own where there is no user baton"
finish
