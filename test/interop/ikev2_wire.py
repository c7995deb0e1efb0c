#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""IKEv2 on the wire (RFC 7296): numbers, payloads, proposals, the SK payload, and
the key exchange groups. Only what an initiator in a test needs."""
import hashlib
import hmac
import ipaddress
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SA, KE, IDi, IDr, AUTH, NONCE, NOTIFY, DELETE, VENDOR = 33, 34, 35, 36, 39, 40, 41, 42, 43
TSi, TSr, SK, CP = 44, 45, 46, 47
IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
PROTO_IKE, PROTO_ESP = 1, 3
ENCR, PRF, INTEG, DH, ESN = 1, 2, 3, 4, 5
FLAG_I, FLAG_R = 0x08, 0x20

INVALID_KE_PAYLOAD, NO_PROPOSAL_CHOSEN, AUTHENTICATION_FAILED = 17, 14, 24
TEMPORARY_FAILURE, CHILD_SA_NOT_FOUND = 43, 44
NAT_SOURCE, NAT_DESTINATION, COOKIE, REKEY_SA = 16388, 16389, 16390, 16393
MOBIKE_SUPPORTED, ADDITIONAL_IP4_ADDRESS = 16396, 16397
NOTIFY_NAME = {
    1: "UNSUPPORTED_CRITICAL_PAYLOAD", 4: "INVALID_IKE_SPI", 7: "INVALID_SYNTAX", 9: "INVALID_MESSAGE_ID",
    11: "INVALID_SPI", 14: "NO_PROPOSAL_CHOSEN", 17: "INVALID_KE_PAYLOAD", 24: "AUTHENTICATION_FAILED",
    34: "SINGLE_PAIR_REQUIRED", 35: "NO_ADDITIONAL_SAS", 36: "INTERNAL_ADDRESS_FAILURE",
    38: "TS_UNACCEPTABLE", 43: "TEMPORARY_FAILURE", 44: "CHILD_SA_NOT_FOUND", 16384: "INITIAL_CONTACT",
    16388: "NAT_DETECTION_SOURCE_IP", 16389: "NAT_DETECTION_DESTINATION_IP", 16390: "COOKIE",
    16393: "REKEY_SA"}


class IkeError(Exception):
    """notify: the error notification that the peer sent, if it sent one."""

    def __init__(self, text, notify=None):
        super().__init__(text)
        self.notify = notify


def notify_name(n):
    return NOTIFY_NAME.get(n, "notify %d" % n)


# ---- payloads ---------------------------------------------------------------

def notify_text(n):
    return "no reason given" if n is None else notify_name(n)


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


def chain(payloads):
    """[(type, body)] as bytes; the first type goes into the header before it."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack(">BBH", following, 0, 4 + len(body)) + body
    return out


def unchain(first, data):
    out, kind = [], first
    while kind:
        if len(data) < 4:
            raise IkeError("payload chain is cut short")
        following, _, size = struct.unpack(">BBH", data[:4])
        if size < 4 or size > len(data):
            raise IkeError("payload of type %d has a bad length" % kind)
        out.append((kind, data[4:size]))
        data = data[size:]
        kind = following
    if data:
        raise IkeError("%d bytes after the last payload" % len(data))
    return out


def first(payloads, kind):
    return next((body for k, body in payloads if k == kind), None)


def notify(kind, data=b"", proto=0, spi=b""):
    return NOTIFY, struct.pack(">BBH", proto, len(spi), kind) + spi + data


def notifies(payloads):
    """[(type, data, spi)] of the NOTIFY payloads."""
    out = []
    for k, b in payloads:
        if k == NOTIFY:
            size = b[1]
            out.append((struct.unpack(">H", b[2:4])[0], b[4 + size:], b[4:4 + size]))
    return out


def error_notify(payloads):
    return next((t for t, _, _ in notifies(payloads) if t < 16384), None)


def proposal(proto, spi, transforms):
    """One SA payload with one proposal. transforms: [(type, id, key bits or 0)]."""
    body = b""
    for i, (kind, ident, bits) in enumerate(transforms):
        attr = struct.pack(">HH", 0x800e, bits) if bits else b""
        more = 3 if i + 1 < len(transforms) else 0
        body += struct.pack(">BBHBBH", more, 0, 8 + len(attr), kind, 0, ident) + attr
    return SA, struct.pack(">BBHBBBB", 0, 0, 8 + len(spi) + len(body), 1, proto, len(spi), len(transforms)) + spi + body


def parse_proposal(body):
    """(protocol, spi, [(type, id, bits)]) of the first proposal."""
    _, _, size, _, proto, spi_size, count = struct.unpack(">BBHBBBB", body[:8])
    if size != len(body):
        raise IkeError("more than one proposal in an answer")
    spi, rest, out = body[8:8 + spi_size], body[8 + spi_size:], []
    for _ in range(count):
        _, _, tsize, kind, _, ident = struct.unpack(">BBHBBH", rest[:8])
        bits = struct.unpack(">HH", rest[8:12])[1] if tsize >= 12 else 0
        out.append((kind, ident, bits))
        rest = rest[tsize:]
    return proto, spi, out


def selectors(kind, nets):
    out = struct.pack(">BBH", len(nets), 0, 0)
    for net in nets:
        n = ipaddress.ip_network(net)
        out += struct.pack(">BBHHH", 7, 0, 16, 0, 65535) + n[0].packed + n[-1].packed
    return kind, out


def parse_selectors(body):
    """["10.0.0.0-10.0.255.255", ...]; IPv4 only."""
    out, rest = [], body[4:]
    for _ in range(body[0]):
        size = struct.unpack(">H", rest[2:4])[0]
        if rest[0] == 7:
            out.append("%s-%s" % (ipaddress.ip_address(rest[8:12]), ipaddress.ip_address(rest[12:16])))
        rest = rest[size:]
    return out


def parse_cp(body):
    """{attribute: [value bytes]} of a configuration payload."""
    out, rest = {}, body[4:]
    while len(rest) >= 4:
        kind, size = struct.unpack(">HH", rest[:4])
        out.setdefault(kind & 0x7fff, []).append(rest[4:4 + size])
        rest = rest[4 + size:]
    return out


# ---- algorithms -------------------------------------------------------------

P2048 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)

GROUPS = {"x25519": 31, "ecp256": 19, "modp2048": 14}


class Dh:
    """A key pair of group 31, 19 or 14."""

    def __init__(self, group):
        self.group = group
        if group == 31:
            self.key = x25519.X25519PrivateKey.generate()
            self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        elif group == 19:
            self.key = ec.generate_private_key(ec.SECP256R1(), default_backend())
            self.public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        else:
            self.key = int.from_bytes(os.urandom(32), "big")
            self.public = pow(2, self.key, P2048).to_bytes(256, "big")

    def payload(self):
        return KE, struct.pack(">HH", self.group, 0) + self.public

    def shared(self, body):
        group, peer = struct.unpack(">H", body[:2])[0], body[4:]
        if group != self.group:
            raise IkeError("KE of group %d where %d was asked for" % (group, self.group))
        if group == 31:
            return self.key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
        if group == 19:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + peer)
            return self.key.exchange(ec.ECDH(), point)
        return pow(int.from_bytes(peer, "big"), self.key, P2048).to_bytes(256, "big")


def plus(hash_, key, seed, size):
    """prf+ of RFC 7296, 2.13."""
    out, block, n = b"", b"", 1
    while len(out) < size:
        block = hmac.new(key, block + seed + bytes((n,)), hash_).digest()
        out, n = out + block, n + 1
    return out[:size]


class IkeSuite:
    """From strongSwan's spelling: aes128gcm16-prfsha256-x25519, aes256-sha256-modp2048, ..."""

    def __init__(self, text):
        parts = text.split("-")
        self.bits, self.gcm = int(parts[0][3:6]), "gcm" in parts[0]
        self.group = GROUPS[parts[-1]]
        prf = next((p for p in parts if p.startswith("prf")), "prfsha256")
        self.hash, self.prf_id = {"prfsha256": (hashlib.sha256, 5), "prfsha384": (hashlib.sha384, 6)}[prf]
        self.prf_len = self.hash().digest_size
        self.enc_len = self.bits // 8 + (4 if self.gcm else 0)
        self.integ_len = 0 if self.gcm else 32

    def transforms(self):
        out = [(ENCR, 20 if self.gcm else 12, self.bits), (PRF, self.prf_id, 0)]
        return out + ([] if self.gcm else [(INTEG, 12, 0)]) + [(DH, self.group, 0)]

    def prf(self, key, data):
        return hmac.new(key, data, self.hash).digest()


class Sealer:
    """The SK payload in one direction, under one IKE SA's keys."""

    def __init__(self, suite, enc, integ):
        self.suite, self.enc, self.integ = suite, enc, integ
        self.counter = int.from_bytes(os.urandom(4), "big") << 32

    def seal(self, header, first_type, plain):
        """header: 28 bytes whose length field is filled in here. The whole message."""
        iv_len = 8 if self.suite.gcm else 16
        pad = 0 if self.suite.gcm else -(len(plain) + 1) % 16
        plain += bytes(pad) + bytes((pad,))
        body_len = 4 + iv_len + len(plain) + 16
        head = header[:24] + struct.pack(">I", 28 + body_len) + struct.pack(">BBH", first_type, 0, body_len)
        if self.suite.gcm:
            self.counter += 1
            iv = struct.pack(">Q", self.counter)
            return head + iv + AESGCM(self.enc[:-4]).encrypt(self.enc[-4:] + iv, plain, head)
        iv = os.urandom(16)
        c = Cipher(algorithms.AES(self.enc), modes.CBC(iv), backend=default_backend()).encryptor()
        data = head + iv + c.update(plain) + c.finalize()
        return data + hmac.new(self.integ, data, hashlib.sha256).digest()[:16]

    def open(self, message):
        """The payloads inside; IkeError if it does not authenticate."""
        if message[16] != SK or len(message) < 32 + 24:
            raise IkeError("not an SK message")
        inner_first = message[28]
        if self.suite.gcm:
            iv = message[32:40]
            try:
                plain = AESGCM(self.enc[:-4]).decrypt(self.enc[-4:] + iv, message[40:], message[:32])
            except InvalidTag:
                raise IkeError("SK does not authenticate") from None
        else:
            data, icv = message[:-16], message[-16:]
            if not hmac.compare_digest(icv, hmac.new(self.integ, data, hashlib.sha256).digest()[:16]):
                raise IkeError("SK does not authenticate")
            c = Cipher(algorithms.AES(self.enc), modes.CBC(data[32:48]), backend=default_backend()).decryptor()
            plain = c.update(data[48:]) + c.finalize()
        return unchain(inner_first, plain[:len(plain) - 1 - plain[-1]])


def header(spi_i, spi_r, next_payload, exchange, flags, ident, size=0):
    return spi_i + spi_r + struct.pack(">BBBBII", next_payload, 0x20, exchange, flags, ident, size)
