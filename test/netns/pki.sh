# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Makes a PKI with openssl, in the current directory. To be sourced.

# issue NAME ISSUER SUBJECT EXTENSIONS DAYS: NAME.pem and NAME.key; KEY: "ec", "rsa" or "ed25519".
issue() {
	local name=$1 by=$2
	case ${KEY:-ec} in
	rsa)
		openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.key" 2> /dev/null ||
			openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.key" 2> /dev/null
		;;
	ed25519) openssl genpkey -algorithm ED25519 -out "$name.key" ;;
	*) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key" ;;
	esac
	chmod 600 "$name.key"
	openssl req -new -key "$name.key" -subj "$3" -out "$name.csr"
	printf 'basicConstraints=critical,CA:%s\n' "$4" | tr ';' '\n' > "$name.ext"
	if [ "$by" = "$name" ]; then
		openssl x509 -req -in "$name.csr" -signkey "$name.key" -days "$5" -extfile "$name.ext" -out "$name.pem"
	else
		openssl x509 -req -in "$name.csr" -CA "$by.pem" -CAkey "$by.key" -CAcreateserial -days "$5" \
			-extfile "$name.ext" -out "$name.pem"
	fi
}
