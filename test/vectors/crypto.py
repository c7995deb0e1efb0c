#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers computed by an independent implementation: Python's cryptography
and hashlib, written from the RFCs and sharing no code with proto/.

    for t in esp_rows ike_rows sk_rows modp_rows proof_rows; do
        test/vectors/crypto.py $t > test/vectors/$t.h
    done

Inputs are derived from labels by SHA-256, so the file comes out the same each
time. Vectors that an RFC prints are not here but in the tests themselves."""
import hashlib
import hmac
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305


def octets(label, n):
    out, i = b"", 0
    while len(out) < n:
        out += hashlib.sha256(f"{label}/{i}".encode()).digest()
        i += 1
    return out[:n]


def chacha_stream(seed, n):
    """What proto/crypto/entropy.c expands a seed to: RFC 8439 2.4, nonce 0, counter 0."""
    return Cipher(algorithms.ChaCha20(seed, bytes(16)), None).encryptor().update(bytes(n))


GCM, CHACHA, CBC, CTR = 20, 28, 12, 13
INTEG = {0: (None, 0, 16), 2: ("sha1", 20, 12), 12: ("sha256", 32, 16), 13: ("sha384", 48, 24),
         14: ("sha512", 64, 32)}  # hash, key, ICV: RFC 2404, RFC 4868


def encr_key_len(encr, bits):
    """RFC 4106 8.1, RFC 7634 2, RFC 3686 5.1: a counter mode's key has 4 octets of salt."""
    return (bits or 256) // 8 + (0 if encr == CBC else 4)


def protect(encr, keys, head, iv, text, aad, tail=b""):
    """head | IV | text encrypted | ICV. keys: encryption, (integrity algorithm, its key)."""
    key, (integ, integ_key) = keys
    if encr in (GCM, CHACHA):
        aead = AESGCM if encr == GCM else ChaCha20Poly1305
        return head + iv + aead(key[:-4]).encrypt(key[-4:] + iv, text, aad)
    if encr == CTR:
        mode = Cipher(algorithms.AES(key[:-4]), modes.CTR(key[-4:] + iv + b"\0\0\0\1"))
    else:
        mode = Cipher(algorithms.AES(key), modes.CBC(iv))
    out = head + iv + mode.encryptor().update(text)
    name, _, cut = INTEG[integ]
    return out + hmac.new(integ_key, out + tail, name).digest()[:cut]


def row(fields):
    parts = []
    for f in fields:
        if isinstance(f, bytes):
            h = f.hex()
            lines = [h[i:i + 84] for i in range(0, len(h), 84)] or [""]
            parts.append("\n\t ".join(f'"{line}"' for line in lines))
        else:
            parts.append(str(f))
    print("\t{" + ",\n\t ".join(parts) + "},")


def table(name, columns, rows):
    print(f"\nstatic const struct {{\n\tint row;\n\t{columns}\n}} {name}[] = {{")
    for i, r in enumerate(rows, 1):
        row([i, *r])
    print("};")


# ---- ESP ----

def ipv4(n, label):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, n, 1, 0, 64, 17, 0, b"\x0a\x1e\x00\x01",
                       b"\x0a\x14\x00\x02") + octets(label, n - 20)


def ipv6(n, label):
    return struct.pack(">IHBB", 6 << 28, n - 40, 17, 64) + octets(label, n - 8)


def esp_rows():
    shapes = [  # encr, bits, integ, esn, sequence number, next header, inner packet
        (GCM, 128, 0, 0, 1, 4, ipv4(28, "a")),
        (GCM, 128, 0, 0, 0xfffffffe, 4, ipv4(29, "b")),
        (GCM, 256, 0, 0, 77, 4, ipv4(1401, "c")),
        (GCM, 256, 0, 0, 65537, 41, ipv6(61, "d")),
        (GCM, 128, 0, 1, 1, 41, ipv6(40, "e")),
        (GCM, 128, 0, 1, 0x1fffffff0, 4, ipv4(30, "f")),
        (GCM, 256, 0, 1, (1 << 40) - 1, 4, ipv4(31, "g")),
        (CBC, 128, 12, 0, 1, 4, ipv4(28, "h")),
        (CBC, 128, 12, 0, 0xffffffff, 4, ipv4(30, "i")),
        (CBC, 256, 12, 0, 4096, 41, ipv6(77, "j")),
        (CBC, 256, 12, 1, 0x100000000, 4, ipv4(20, "k")),
        (CBC, 128, 12, 1, 0xabcdef0123456789, 4, ipv4(45, "l")),
        (CHACHA, 0, 0, 0, 0xffffffff, 4, ipv4(28, "m")),
        (CHACHA, 0, 0, 1, 0x100000001, 41, ipv6(79, "n")),
        (CTR, 128, 12, 0, 1, 4, ipv4(28, "o")),
        (CTR, 256, 12, 1, 0x2fffffffe, 4, ipv4(29, "p")),
        (CTR, 256, 14, 0, 0xffffffff, 41, ipv6(90, "q")),
        (CBC, 256, 13, 0, 0xfffffffe, 4, ipv4(33, "r")),
        (CBC, 128, 13, 1, 0x123456789, 4, ipv4(20, "s")),
        (CBC, 256, 14, 1, 7, 4, ipv4(60, "t")),
        (CTR, 128, 13, 1, (1 << 40) - 1, 4, ipv4(131, "u")),
        (CBC, 256, 2, 0, 9, 4, ipv4(52, "v")),
        (CBC, 128, 2, 1, 0x300000001, 4, ipv4(60, "w")),
    ]
    for i, (encr, bits, integ, esn, seq, nh, inner) in enumerate(shapes):
        spi = int.from_bytes(octets(f"spi{i}", 4), "big") | 0x100
        salt = int.from_bytes(octets(f"incarnation{i}", 4), "big")
        seed = octets(f"seed{i}", 32)
        key, integ_key = octets(f"key{i}", encr_key_len(encr, bits)), octets(f"integ{i}", INTEG[integ][1])
        header = struct.pack(">II", spi, seq & 0xffffffff)
        pad = -(len(inner) + 2) % (16 if encr == CBC else 4)
        text = inner + bytes(range(1, pad + 1)) + bytes([pad, nh])
        high = struct.pack(">I", seq >> 32) if esn else b""
        if encr == CBC:
            iv = chacha_stream(seed, 16)
        else:
            iv = ((salt & 0xffffff) << 40 | seq if esn else salt << 32 | seq).to_bytes(8, "big")
        packet = protect(encr, (key, (integ, integ_key)), header, iv, text,
                         header[:4] + high + header[4:], high)
        yield (encr, bits, integ, esn, key, integ_key, seed, f"0x{spi:08x}u",
               f"UINT64_C(0x{seq:x})", f"0x{salt:08x}u", nh, inner, packet)


# ---- IKE keys ----

PRFS = {2: ("sha1", 20), 5: ("sha256", 32), 6: ("sha384", 48), 7: ("sha512", 64)}


def prf(prf_id, key, data):
    return hmac.new(key, data, PRFS[prf_id][0]).digest()


def prf_plus(prf_id, key, seed, n):
    out, t, i = b"", b"", 1
    while len(out) < n:
        t = prf(prf_id, key, t + seed + bytes([i]))
        out += t
        i += 1
    return out[:n]


def ike_rows():
    shapes = [  # prf, encr, bits, integ, old prf of the rekey, g^ir, Ni, Nr lengths
        (5, GCM, 128, 0, 5, 32, 32, 32),
        (6, GCM, 256, 0, 5, 32, 16, 48),
        (5, CBC, 128, 12, 6, 256, 32, 32),
        (6, CBC, 256, 12, 6, 256, 256, 256),
        (5, CHACHA, 0, 0, 5, 32, 32, 32),
        (7, CTR, 256, 14, 5, 32, 32, 32),
        (6, CBC, 128, 13, 7, 48, 24, 32),
        (7, CTR, 128, 12, 7, 66, 32, 33),
        (2, CBC, 256, 2, 2, 128, 20, 20),
    ]
    for i, (p, encr, bits, integ, old, n_ir, n_i, n_r) in enumerate(shapes):
        g_ir, ni, nr = octets(f"g{i}", n_ir), octets(f"ni{i}", n_i), octets(f"nr{i}", n_r)
        spi_i, spi_r = octets(f"si{i}", 8), octets(f"sr{i}", 8)
        old_d = octets(f"d{i}", PRFS[old][1])
        lp, la, le = PRFS[p][1], INTEG[integ][1], encr_key_len(encr, bits)
        total = 3 * lp + 2 * la + 2 * le
        seed = ni + nr + spi_i + spi_r
        derived = prf_plus(p, prf(p, ni + nr, g_ir), seed, total)
        rekeyed = prf_plus(p, prf(old, old_d, g_ir + ni + nr), seed, total)
        child = prf_plus(p, derived[:lp], ni + nr, 2 * (le + la))
        child_pfs = prf_plus(p, derived[:lp], g_ir + ni + nr, 2 * (le + la))
        message, identity = octets(f"m{i}", 300 + i), b"\x02\0\0\0gw.example"
        psk = octets(f"psk{i}", 20)
        sk_pi = derived[-2 * lp:-lp]
        auth = prf(p, prf(p, psk, b"Key Pad for IKEv2"), message + nr + prf(p, sk_pi, identity))
        yield (p, encr, bits, integ, old, g_ir, ni, nr,
               "UINT64_C(0x%s)" % spi_i.hex(), "UINT64_C(0x%s)" % spi_r.hex(), old_d, derived,
               rekeyed, child, child_pfs, message, identity, psk, auth)


# ---- The Encrypted payload ----

def sk_rows():
    shapes = [  # encr, bits, integ, length of the chain
        (GCM, 128, 0, 0), (GCM, 256, 0, 47), (CBC, 128, 12, 0), (CBC, 256, 12, 15), (CBC, 128, 12, 16),
        (GCM, 128, 0, 1200), (CHACHA, 0, 0, 0), (CHACHA, 0, 0, 77),
        (CTR, 128, 12, 0), (CTR, 256, 14, 47), (CBC, 256, 13, 31), (CBC, 128, 14, 64), (CTR, 256, 13, 300), (CBC, 256, 2, 61),
    ]
    for i, (encr, bits, integ, n) in enumerate(shapes):
        chain = b""
        if n:  # One payload of n octets, type 43 (Vendor ID)
            chain = struct.pack(">BBH", 0, 0, n) + octets(f"chain{i}", n - 4)
        first = 43 if n else 0
        header = octets(f"spis{i}", 16) + bytes([first, 0x20, 37, 0x08]) + struct.pack(
            ">I", i) + bytes(4)
        message = header + chain
        seed = octets(f"skseed{i}", 32)
        key, integ_key = octets(f"ske{i}", encr_key_len(encr, bits)), octets(f"ska{i}", INTEG[integ][1])
        salt, counter = 0x01020304 + i, 5 * i
        if encr == CBC:
            iv, pad = chacha_stream(seed, 16), -(len(chain) + 1) % 16
        else:
            iv, pad = struct.pack(">II", salt, counter), 0
        text = chain + bytes(pad) + bytes([pad])
        sk_len = 4 + len(iv) + len(text) + INTEG[integ][2]
        head = header[:16] + bytes([46]) + header[17:24] + struct.pack(">I", 28 + sk_len)
        head += struct.pack(">BBH", first, 0, sk_len)
        out = protect(encr, (key, (integ, integ_key)), head, iv, text, head)
        yield encr, bits, integ, key, integ_key, seed, f"0x{salt:08x}u", counter, message, out


# ---- MODP ----

def arctan_inverse(x, unity):
    total = term = unity // x
    n, sign = 3, -1
    while term:
        term //= x * x
        total += sign * (term // n)
        n, sign = n + 2, -sign
    return total


def modp_prime(bits, k):
    """RFC 3526, RFC 2409: 2^n - 2^(n-64) - 1 + 2^64 * { [2^(n-130) pi] + k }."""
    unity = 1 << (bits - 130 + 64)
    pi = 4 * (4 * arctan_inverse(5, unity) - arctan_inverse(239, unity)) >> 64
    return 2**bits - 2**(bits - 64) - 1 + 2**64 * (pi + k)


def modp_rows():
    groups = {2: (1024, 129093, 32), 14: (2048, 124476, 32), 15: (3072, 1690314, 40), 16: (4096, 240904, 48)}
    for i, group in enumerate([14, 14, 2, 15, 16]):
        bits, k, exponent = groups[group]
        p, n = modp_prime(bits, k), bits // 8
        seed = octets(f"modp{i}", 32)
        mine = int.from_bytes(chacha_stream(seed, exponent), "big")
        peer = pow(2, int.from_bytes(octets(f"modp peer{i}", 32), "big"), p)
        yield (group, seed, pow(2, mine, p).to_bytes(n, "big"), peer.to_bytes(n, "big"),
               pow(peer, mine, p).to_bytes(n, "big"))


def hkdf(secret, info):
    """RFC 5869, SHA-256, no salt, one block of output."""
    prk = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def link_secret(storage_key, name):
    return hkdf(storage_key, b"baton link\0" + name)


def proof_rows():
    for i, (dials, listens, role, own, keys) in enumerate([
            (b"n1", b"n2", 1, None, 1), (b"n1", b"n2", 2, None, 1), (b"n2", b"n1", 1, None, 1),
            (b"n1", b"edge", 1, b"edge", 1), (b"n1", b"edge", 2, b"edge", 1),
            (b"a", b"n" * 31, 2, None, 2)]):
        storage = [octets(f"storage{i}/{k}", 32) for k in range(keys)]
        exporter, incarnation = octets(f"exporter{i}", 32), 0x0123456789abcdef + i
        ends = (dials, listens) if role == 1 else (listens, dials)
        frame = bytes([66, 1, role]) + struct.pack(">QB", incarnation, keys)
        for s in storage:
            if own:
                key = hkdf(link_secret(s, own), b"baton link, own")
            else:
                key = hkdf(link_secret(s, dials) + link_secret(s, listens), b"baton link, both")
            text = (b"baton link proof\0" + exporter + struct.pack(">BQ", role, incarnation) +
                    b"".join(bytes([len(n)]) + n for n in ends))
            frame += hmac.new(key, text, hashlib.sha256).digest()
        yield (b"".join(storage), dials, listens, own or b"", role, incarnation, exporter, frame)


def write(name, columns, rows):
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by test/vectors/crypto.py with an independent implementation; see there. */")
    guard = f"TEST_VECTORS_{name.upper()}_H"
    print(f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>")
    table(name, columns, rows)
    print("\n#endif")


FILES = {
    "esp_rows": ("uint16_t encr, bits, integ, esn;\n\tconst char *key, *integ_key, *seed;\n\t"
                 "uint32_t spi;\n\tuint64_t seq;\n\tuint32_t salt;\n\tuint8_t next_header;\n\t"
                 "const char *inner, *packet;", esp_rows),
    "ike_rows": ("uint16_t prf, encr, bits, integ, old_prf;\n\tconst char *shared, *ni, *nr;\n\t"
                 "uint64_t spi_i, spi_r;\n\t"
                 "const char *old_d, *derived, *rekeyed, *child, *child_pfs;\n\t"
                 "const char *message, *id, *psk, *auth;", ike_rows),
    "sk_rows": ("uint16_t encr, bits, integ;\n\tconst char *key, *integ_key, *seed;\n\t"
                "uint32_t salt, counter;\n\tconst char *message, *sealed;", sk_rows),
    "proof_rows": ("const char *storage, *dials, *listens, *own; /* own: who holds no storage key */\n\t"
                   "int role;\n\tuint64_t incarnation;\n\tconst char *exporter, *frame;", proof_rows),
    "modp_rows": ("uint16_t group;\n\tconst char *seed, *public_value, *peer, *shared;", modp_rows),
}
columns, rows = FILES[sys.argv[1]]
write(sys.argv[1], columns, rows())
