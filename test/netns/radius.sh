# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# RADIUS servers of the lab, for stories: freeradius from Debian with its own configuration, at the
# server's place in the network (lib.sh). To be sourced.

# radius_pki: $LAB/pki with root, the server's certificate and alice's.
radius_pki() (
	mkdir -p "$LAB/pki" && cd "$LAB/pki" || exit 1
	openssl ecparam -name prime256v1 -genkey -noout -out root.key
	openssl req -x509 -new -key root.key -subj "/CN=root" -days 30 -out root.pem
	for name in radius alice; do
		openssl ecparam -name prime256v1 -genkey -noout -out $name.key
		openssl req -new -key $name.key -subj "/CN=$name" -out $name.csr
		printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n' $name > $name.ext
		openssl x509 -req -in $name.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile $name.ext -out $name.pem
	done
	chmod 600 ./*.key
)

# radius_conf NAME PORT: $LAB/NAME with a server for EAP-TTLS (with MSCHAPv2 inside) and EAP-TLS; for accounting, at the next
# port, which goes to $LAB/NAME/detail.
radius_conf() {
	local dir=$LAB/$1
	mkdir -p "$dir"
	cat > "$dir/radiusd.conf" <<-CONF
	prefix = /usr
	name = $1
	raddbdir = $dir
	logdir = $dir
	run_dir = $dir
	libdir = /usr/lib/freeradius
	pidfile = $dir/pid
	max_requests = 1024
	log {
		destination = stdout
	}
	security {
		allow_core_dumps = no
		reject_delay = 0
	}
	thread pool {
		start_servers = 1
		max_servers = 2
		min_spare_servers = 1
		max_spare_servers = 2
	}
	client cluster {
		ipaddr = $INNER
		secret = "$RADIUS_SECRET"
		require_message_authenticator = yes
	}
	modules {
		mschap {
		}
		detail {
			filename = $dir/detail
			permissions = 0600
		}
		eap {
			default_eap_type = ttls
			tls-config common {
				private_key_file = $LAB/pki/radius.key
				certificate_file = $LAB/pki/radius.pem
				ca_file = $LAB/pki/root.pem
				fragment_size = 1000
				tls_min_version = "1.2"
				tls_max_version = "1.2"
				ecdh_curve = "prime256v1"
			}
			ttls {
				tls = common
				default_eap_type = mschapv2
				virtual_server = inside
			}
			tls {
				tls = common
			}
			mschapv2 {
			}
		}
	}
	server outside {
		listen {
			type = auth
			ipaddr = $SERVER
			port = $2
		}
		listen {
			type = acct
			ipaddr = $SERVER
			port = $(($2 + 1))
		}
		accounting {
			detail
		}
		authorize {
			eap
		}
		authenticate {
			eap
		}
		post-auth {
			update reply {
				User-Name := "%{%{session-state:User-Name}:-%{User-Name}}"
				${RADIUS_REPLY:-}
			}
		}
	}
	server inside {
		authorize {
			update control {
				Cleartext-Password := "in wonderland"
			}
			mschap
			eap
		}
		authenticate {
			Auth-Type MS-CHAP {
				mschap
			}
			eap
		}
		post-auth {
			update outer.session-state {
				User-Name := "%{User-Name}"
			}
		}
	}
	CONF
}
# radius_start NAME
radius_start() {
	background "$1" ip netns exec "$(ns sv)" freeradius -f -x -l stdout -d "$LAB/$1" -n radiusd
	until_ok 10 grep -q 'Ready to process requests' "$LAB/$1.log" || { tail -n 5 "$LAB/$1.log" >&2; die "$1 does not start"; }
}
radius_stop() { kill -KILL "$(pid_of "$1")"; await_end "$1" 5; rm -f "$LAB/$1.pid"; }
