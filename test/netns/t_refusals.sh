#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Faults with which a node refuses to start: each with a clear message that names file, line or
# field, exit 1, and nothing overwritten.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
for n in $LAB_NODES; do node_term "$n"; done
conf=$LAB/conf/cluster.toml
digest() { (cd "$LAB/data/n1" && find . -type f ! -name 'lock*' -exec sha256sum {} + | sort | sha256sum); }
# refuses TEXT PATTERN: n1 ends with status 1, says PATTERN and leaves its data alone.
refuses() {
	local text=$1 pattern=$2 rc before
	before=$(digest)
	timeout 10 ip netns exec "$(ns n1)" "$BATON" run --config "$conf" --node n1 > "$LAB/refuse.log" 2>&1
	rc=$?
	check "$text: exit 1" same $rc 1
	check "$text: says why" grep -qiE "$pattern" "$LAB/refuse.log"
	check "$text: nothing overwritten" same "$(digest)" "$before"
	[ $bad -eq 0 ] || sed 's/^/        /' "$LAB/refuse.log" | tail -n 5
}
cp "$conf" "$LAB/good.toml"
cp -a "$LAB/data/n1" "$LAB/good-data"
restore() { cp "$LAB/good.toml" "$conf"; rm -rf "$LAB/data/n1"; cp -a "$LAB/good-data" "$LAB/data/n1"; }

sed -i 's/^outer_interface/outer_interfce/' "$conf"
refuses "an unknown key" 'cluster.toml:[0-9]+: .*outer_interfce.*outer_interface'
restore
sed -i 's/^mode = "vip"/mode = "vap"/' "$conf"
refuses "a wrong value" 'cluster.toml:[0-9]+: .*mode'
restore
od -An -tx1 -N32 /dev/urandom | tr -d ' \n' > "$LAB/conf/secrets/other.key"
chmod 600 "$LAB/conf/secrets/other.key"
sed -i 's/storage\.key/other.key/' "$conf"
refuses "another storage key" 'data_dir .*data/n1 .*storage_key_file'
restore
names_link() { sed -i "0,/^key_file/s|^key_file|link_secret_file = \"secrets/$1.link\"\nkey_file|" "$conf"; }
names_link n2
refuses "another node's link secret" 'cluster.toml:[0-9]+: .*link_secret_file.*n2.link is not that of node "n1"'
restore
names_link n1
chmod 644 "$LAB/conf/secrets/n1.link"
refuses "a link secret that others can read" 'cluster.toml:[0-9]+: .*n1.link.*chmod 600'
chmod 600 "$LAB/conf/secrets/n1.link"
check "its own link secret is taken" "$BATON" check --config "$conf"
restore
rm -rf "$LAB/data/n1"; cp -a "$LAB/data/n2" "$LAB/data/n1"
refuses "another node's data directory" 'data_dir .*data/n1 .*n2'
restore
db=$(find "$LAB/data/n1" -name '*.mdb' ! -name 'lock*' | head -n 1)
"$PYTHON" - "$db" <<'PY'
import sys
# One bit in every page with content, except the two meta pages, which LMDB keeps twice.
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    for page in range(2 * 4096, len(data), 4096):
        used = [i for i in range(page + 64, page + 4096) if data[i]]
        if used:
            data[used[-1]] ^= 1
    f.seek(0)
    f.write(data)
PY
refuses "a damaged data directory" 'data_dir .*data/n1 is damaged'
restore
echo "no database" > "$db"
refuses "something else in its place" 'data_dir .*data/n1 is damaged'
restore
rm "$db"
refuses "a part that is missing" 'data_dir .*data/n1 is damaged'
restore
sed -i 's/^name = "lab"/name = "another"/' "$conf"
refuses "another cluster's data directory" 'data_dir .*data/n1 is foreign.*"lab".*"another"'
restore
chmod 644 "$LAB/conf/secrets/storage.key"
refuses "a storage key that others can read" 'cluster.toml:[0-9]+: .*storage.key'
chmod 600 "$LAB/conf/secrets/storage.key"
occupy() { background nc ip netns exec "$(ns n1)" nc -l -k "$@"; sleep 0.3; }
vacate() { kill "$(pid_of nc)"; await_end nc 5; }
occupy 127.0.0.1 9505
refuses "the status port in use" 'cluster.toml: .*http.*9505'
vacate
occupy 10.77.0.11 7500
refuses "the link port in use" 'cluster.toml.*7500'
vacate
for port in 500 4500; do
	occupy -u 0.0.0.0 $port
	refuses "UDP port $port in use" "cluster.toml: .*port $port on $VIP"
	vacate
done
background holder flock -F "$LAB/data/n1/lock" sleep 1000
sleep 0.3
refuses "a data directory in use" 'data_dir .*data/n1 is in use'
kill "$(pid_of holder)"

# An expired certificate for n1, signed by the cluster's own CA. OpenSSL 3.4 and
# later refuse a negative number of days, earlier ones know nothing else.
s=$LAB/conf/secrets
cp "$s/n1.pem" "$LAB/n1.pem"
openssl req -new -key "$s/n1.key" -subj "/CN=n1" -out "$LAB/n1.csr" 2> /dev/null
printf 'subjectAltName=DNS:n1\n' > "$LAB/ext"
past=(-days -1)
openssl x509 -help 2>&1 | grep -q -- '-not_after' && past=(-not_before 20200101000000Z -not_after 20210101000000Z)
if ! openssl x509 -req -in "$LAB/n1.csr" -CA "$s/ca.pem" -CAkey "$s/ca.key" -set_serial 99 "${past[@]}" \
	-extfile "$LAB/ext" -out "$s/n1.pem" 2> "$LAB/openssl.log"; then
	cat "$LAB/openssl.log"
	die "openssl does not make an expired certificate"
fi
refuses "an expired certificate" 'cluster.toml:[0-9]+: .*n1.pem.*expired'
cp "$LAB/n1.pem" "$s/n1.pem"
restore
nodes_start 30
helps() { "$BATON" "$1" --help 2> /dev/null | grep -q "^usage: baton $1"; }
for c in run check init status sessions; do check "baton $c --help" helps $c; done
"$BATON" init "$LAB/new" --nodes 3 > /dev/null
check "baton init writes cluster.toml.example" cmp "$LAB/new/cluster.toml" "$LAB_ROOT/cluster.toml.example"
check "with all of it put right, the client goes on" at cl ping -q -c 10 -i 0.1 -W 2 $SERVER
unharmed "afterwards"
finish
