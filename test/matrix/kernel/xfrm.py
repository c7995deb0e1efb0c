# SPDX-License-Identifier: Apache-2.0
"""XFRM's netlink messages (linux/xfrm.h, linux/netlink.h), as far as Libreswan sends them, IPv4 only."""
import struct

from database import FORWARD, Policy, Refused, Sa

ERROR = 2
NEWSA, DELSA, GETSA, NEWPOLICY, DELPOLICY, ALLOCSPI = 0x10, 0x11, 0x12, 0x13, 0x14, 0x16
UPDPOLICY, UPDSA, FLUSHSA, FLUSHPOLICY, MIGRATE = 0x19, 0x1a, 0x1c, 0x1d, 0x21
A_CRYPT, A_ENCAP, A_TEMPLATE, A_MIGRATE, A_AEAD, A_AUTH = 2, 4, 5, 17, 18, 20
SELECTOR = 56
SA_INFO = struct.Struct("=56x16sIB3x16s64xQQQQ12xIIHBBB7x")
SA_INFO_AT = {"dst": 56, "spi": 72, "src": 80, "reqid": 208}
ESN = 128       # XFRM_STATE_ESN, of the flags.
TEMPLATE = struct.Struct("=16sIB3xH2x16sIBBBx12x")
CIPHERS = {"rfc4106(gcm(aes))": "aes%dgcm16", "rfc7539esp(chacha20,poly1305)": "chacha20poly1305",
           "cbc(aes)": "aes%d", "rfc3686(ctr(aes))": "aes%dctr"}
INTEGRITY = {"hmac(sha256)": "-sha256", "hmac(sha384)": "-sha384", "hmac(sha512)": "-sha512"}


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack("=HH", data[:4])
        if size < 4:
            break
        found[kind] = data[4:size]
        data = data[size + 3 & ~3:]
    return found


def selector(data):
    """(source, destination, protocol): each network as (address, bits)."""
    bits_dst, bits_src, proto = data[42], data[43], data[44]
    return (data[16:20], bits_src), (data[0:4], bits_dst), proto


def algorithm(data, lengths):
    """(name, key) of an xfrm_algo with that many lengths; the first is the key's, in bits."""
    name = data[:64].split(b"\0")[0].decode()
    bits = struct.unpack("=I", data[64:68])[0]
    at = 64 + 4 * lengths
    return name, data[at:at + bits // 8]


def suite(found):
    """(Suite's name, key material)."""
    suffix, integrity = "", b""
    if A_AEAD in found:
        name, key = algorithm(found[A_AEAD], 2)
    else:
        name, key = algorithm(found[A_CRYPT], 1)
        integ, integrity = algorithm(found[A_AUTH], 2)
        if integ not in INTEGRITY:
            raise Refused(38)       # ENOSYS
        suffix = INTEGRITY[integ]
    if name not in CIPHERS:
        raise Refused(38)
    salt = 0 if name == "cbc(aes)" else 4
    text = CIPHERS[name]
    return (text % ((len(key) - salt) * 8) if "%" in text else text) + suffix, key + integrity


def ports(found):
    if A_ENCAP not in found:
        return None
    return struct.unpack(">HH", found[A_ENCAP][2:6])


def sa_message(sa):
    """struct xfrm_usersa_info."""
    return SA_INFO.pack(sa.dst + bytes(12), struct.unpack("=I", struct.pack(">I", sa.spi))[0], 50, sa.src + bytes(12),
                        sa.octets, sa.packets, sa.added, sa.used, 0, sa.reqid, 2, 1, 0, 0)


def spi_at(data, at):
    return struct.unpack(">I", data[at:at + 4])[0]


class Xfrm:
    def __init__(self, database):
        self.db = database

    def _sa(self, data, update):
        at, info = SA_INFO_AT, data[:SA_INFO.size]
        dst, src = info[at["dst"]:at["dst"] + 4], info[at["src"]:at["src"] + 4]
        sa = Sa(spi_at(info, at["spi"]), src, dst)
        sa.reqid = struct.unpack("=I", info[at["reqid"]:at["reqid"] + 4])[0]
        found = attributes(data[SA_INFO.size:])
        sa.ports = ports(found)
        name, keymat = suite(found)
        sa.keys(name, keymat, bool(info[216] & ESN))
        self.db.sa_add(sa, update)

    def _policy(self, data):
        src, dst, proto = selector(data)
        direction, action = data[160], data[161]
        policy = Policy(src, dst, proto, struct.unpack("=I", data[152:156])[0])
        found = attributes(data[168:])
        if action == 0 and A_TEMPLATE in found:
            to, _, _, _, sender, policy.reqid, *_ = TEMPLATE.unpack(found[A_TEMPLATE][:TEMPLATE.size])
            policy.tunnel, policy.protects = (sender[:4], to[:4]), True
        if direction != FORWARD:
            self.db.policy_set(direction, policy)

    def _policy_delete(self, data):
        src, dst, proto = selector(data)
        if data[60] != FORWARD:
            self.db.policy_delete(data[60], src, dst, proto)

    def _migrate(self, data):
        found = attributes(data[64:])
        old_dst, old_src, new_dst, new_src = (found[A_MIGRATE][i:i + 4] for i in range(0, 64, 16))
        reqid = struct.unpack("=I", found[A_MIGRATE][68:72])[0]
        # The SAs of a forward policy are those of the inbound one, and were moved with it.
        if not self.db.move(reqid, (old_src, old_dst), (new_src, new_dst), ports(found)) and data[60] != FORWARD:
            raise Refused(3)

    def _say(self, kind, data):
        """The message that is the answer, or None: an acknowledgement."""
        if kind in (NEWSA, UPDSA):
            self._sa(data, kind == UPDSA)
        elif kind == DELSA:
            self.db.sa_delete(data[:4], spi_at(data, 16))
        elif kind == GETSA:
            return sa_message(self.db.sa_get(data[:4], spi_at(data, 16)))
        elif kind == ALLOCSPI:
            low, high = struct.unpack("=II", data[224:232])
            sa = self.db.spi_new(data[SA_INFO_AT["src"]:][:4], data[SA_INFO_AT["dst"]:][:4], low, high)
            return sa_message(sa)
        elif kind in (NEWPOLICY, UPDPOLICY):
            self._policy(data)
        elif kind == DELPOLICY:
            self._policy_delete(data)
        elif kind == MIGRATE:
            self._migrate(data)
        elif kind in (FLUSHSA, FLUSHPOLICY):
            self.db.flush(sas=kind == FLUSHSA, policies=kind == FLUSHPOLICY)
        else:
            raise Refused(95)       # EOPNOTSUPP
        return None

    def answer(self, message):
        """The kernel's answer to one request."""
        _, kind, _, seq, pid = struct.unpack("=IHHII", message[:16])
        try:
            said, code = self._say(kind, message[16:]), 0
        except Refused as why:
            said, code = None, why.errno
        if said is not None:
            return struct.pack("=IHHII", 16 + len(said), NEWSA, 0, seq, pid) + said
        return struct.pack("=IHHIIi", 36, ERROR, 0x100, seq, pid, -code) + message[:16]
