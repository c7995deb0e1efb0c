#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""esp.py against scapy's ESP, both directions, each cipher, with and without ESN."""
import os
import sys
import warnings

warnings.filterwarnings("ignore")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scapy.layers.inet import ICMP, IP             # noqa: E402
from scapy.layers.ipsec import ESP, SecurityAssociation    # noqa: E402
from esp import EspError, EspSa, Suite             # noqa: E402

# scapy leaves the high half of the number out of the HMAC (RFC 4303, 2.2.1 wants
# it in), so ESN is compared with the AEAD alone.
ALGORITHMS = {12: "AES-CBC", 13: "AES-CTR", 20: "AES-GCM", 28: "CHACHA20-POLY1305"}
ROWS = [(name, esn, seq) for name in ("aes128gcm16", "aes256gcm16", "aes128-sha256", "aes256-sha256",
                                      "chacha20poly1305", "aes128ctr-sha256", "aes256ctr-sha256")
        for esn in (False, True) for seq in (1, 77, 0xfffffff0, 0x300000009)
        if (esn or seq < 1 << 32) and ("sha" not in name or not esn)]


def scapy_sa(suite, keys, esn, seq):
    kw = {"crypt_algo": ALGORITHMS[suite.encr], "crypt_key": keys[:suite.enc_len]}
    if not suite.aead:
        kw.update(auth_algo="SHA2-256-128", auth_key=keys[suite.enc_len:])
    return SecurityAssociation(ESP, spi=0x1234, seq_num=seq & 0xffffffff, esn_en=esn, esn=seq >> 32, **kw,
                               tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2"))


def main():
    inner = IP(src="10.30.0.1", dst="10.20.0.50") / ICMP() / b"payload"
    failed = 0
    for number, (name, esn, seq) in enumerate(ROWS, 1):
        suite = Suite(name)
        keys = os.urandom(suite.length)
        ours = EspSa(0x1234, suite, keys, esn)
        try:
            theirs = scapy_sa(suite, keys, esn, seq).encrypt(inner, seq_num=seq & 0xffffffff)
            opener = EspSa(0x1234, suite, keys, esn)
            opener.highest = max(0, seq - 8)
            got, following, plain = opener.open(bytes(theirs[ESP]))
            assert (got, following) == (seq, 4) and IP(plain).dst == inner.dst, "opened wrongly"
            packet = IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / ESP(ours.seal(bytes(inner), seq=seq))
            back = scapy_sa(suite, keys, esn, seq).decrypt(IP(bytes(packet)))
            assert bytes(back[ICMP].payload) == b"payload", "scapy opened it wrongly"
            broken = bytearray(ours.seal(bytes(inner), seq=seq))
            broken[-1] ^= 1
            try:
                opener.open(bytes(broken))
                raise AssertionError("a damaged packet was opened")
            except EspError:
                pass
        except Exception as e:          # any failure in a row is the row's result
            failed += 1
            print("row %d: %s esn=%s seq=%d: %r" % (number, name, esn, seq, e))
    sa, other = EspSa(1, Suite("aes128gcm16"), bytes(20), True), EspSa(1, Suite("aes128gcm16"), bytes(20), True)
    for seq in (0xffffffff, 0x100000000, 0x100000005, 0x180000000, 0x1ffffffff, 0x200000001):
        if other.open(sa.seal(bytes(20), seq=seq))[0] != seq:
            failed += 1
            print("ESN: number %x not inferred" % seq)
    print("esp: %d rows, %d failed" % (len(ROWS) + 6, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
