#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Signatures made by openssl, with keys of its own:
#
#     test/vectors/signature.sh > test/vectors/signature_rows.h
#
# Each run draws other keys. The AlgorithmIdentifiers are those of RFC 7427 appendix A and RFC
# 8420 appendix A, typed in.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
literal() { sed 's/.\{84\}/&"\n\t "/g; s/^/"/; s/$/"/' <<< "$1"; }

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa2048 2> /dev/null
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out rsa4096 2> /dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521
openssl genpkey -algorithm ED25519 -out ed25519
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa1024 2> /dev/null
printf 'what both sides have said, and a nonce of each' > octets

cat << 'END'
/* SPDX-License-Identifier: Apache-2.0 */
/* Made by test/vectors/signature.sh with openssl; see there. */
#ifndef TEST_VECTORS_SIGNATURE_ROWS_H
#define TEST_VECTORS_SIGNATURE_ROWS_H

#include <stdint.h>

END
printf 'static const char signature_octets[] = "%s";\n\n' "$(cat octets)"
printf '/* PKCS #8 */\nstatic const struct {\n\tconst char *name, *der;\n} signature_keys[] = {\n'
for key in rsa2048 rsa4096 p256 p384 ed25519 p521 rsa1024; do
	openssl pkcs8 -topk8 -nocrypt -in $key -outform DER -out der
	printf '\t{"%s",\n\t %s},\n' $key "$(literal "$(hex der)")"
done
printf '};\n\n/* method: of the AUTH payload */\n'
printf 'static const struct {\n\tint row;\n\tconst char *key;\n\tuint8_t method;\n\tconst char *auth;\n'
printf '} signature_rows[] = {\n'
row=0
emit() { # KEY METHOD HEX
	row=$((row + 1))
	printf '\t{%d, "%s", %d,\n\t %s},\n' $row "$1" "$2" "$(literal "$3")"
}
rsa_oid() { printf '300d06092a864886f70d0101%s0500' "$1"; }
pss() { # LAST-OCTET-OF-HASH SALT-IN-HEX
	local h=300d06096086480165030402${1}0500
	printf '304106092a864886f70d01010a3034a00f%sa11c301a06092a864886f70d010108%sa2030201%s' $h $h "$2"
}
with() { # ALGORITHM FILE: AUTH data of method 14
	printf '%02x%s%s' $((${#1} / 2)) "$1" "$(hex "$2")"
}
# r | s of an Ecdsa-Sig-Value, each WIDTH octets
fixed() {
	openssl asn1parse -inform DER -in "$1" | sed -n 's/.*INTEGER *://p' | while read -r n; do
		n=$(printf '%0*s' $(($2 * 2)) "$n" | tr ' A-F' '0a-f'); printf %s "$n"
	done
}
for key in rsa2048 rsa4096; do
	for hash in 1:05 256:0b 384:0c 512:0d; do
		openssl dgst -sha${hash%:*} -sign $key -out sig octets
		emit $key 1 "$(hex sig)"
		[ "${hash%:*}" = 1 ] || emit $key 14 "$(with "$(rsa_oid "${hash#*:}")" sig)"
	done
	for hash in 256:01:20 384:02:30 512:03:40; do
		IFS=: read -r bits last salt <<< "$hash"
		openssl dgst -sha$bits -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 \
			-sign $key -out sig octets
		emit $key 14 "$(with "$(pss "$last" "$salt")" sig)"
	done
	openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -sign $key -out sig octets
	emit $key 14 "$(with "$(pss 01 14)" sig)"
done
for key in p256 p384; do
	for hash in 256:02 384:03 512:04; do
		openssl dgst -sha${hash%:*} -sign $key -out sig octets
		emit $key 14 "$(with "300a06082a8648ce3d0403${hash#*:}" sig)"
	done
done
openssl dgst -sha256 -sign p256 -out sig octets
emit p256 9 "$(fixed sig 32)"
openssl dgst -sha384 -sign p384 -out sig octets
emit p384 10 "$(fixed sig 48)"
openssl pkeyutl -sign -rawin -inkey ed25519 -in octets -out sig
emit ed25519 14 "$(with 300506032b6570 sig)"
printf '};\n\n#endif\n'
