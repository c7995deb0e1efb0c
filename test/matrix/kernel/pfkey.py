# SPDX-License-Identifier: Apache-2.0
"""PF_KEY's messages (RFC 2367, linux/pfkeyv2.h), as far as OpenIKED sends them, IPv4 only."""
import struct

from database import IN, OUT, Policy, Refused, Sa

GETSPI, UPDATE, ADD, DELETE, GET, REGISTER, EXPIRE, FLUSH = 1, 2, 3, 4, 5, 7, 8, 9
SPD_UPDATE, SPD_ADD, SPD_DELETE, SPD_FLUSH = 13, 14, 15, 19
E_SA, E_SOFT, E_SRC, E_DST, E_AUTH, E_ENCRYPT, E_RANGE, E_POLICY, E_SPORT, E_DPORT = 1, 4, 5, 6, 8, 9, 16, 18, 21, 22
ESP = 3         # SADB_SATYPE_ESP
CIPHERS = {20: ("aes%dgcm16", 4), 12: ("aes%d", 0), 13: ("aes%dctr", 4)}
INTEGRITY = {0: "", 5: "-sha256", 6: "-sha384", 7: "-sha512"}
DIRECTIONS = {1: IN, 2: OUT}


def extensions(data):
    found = {}
    while len(data) >= 8:
        units, kind = struct.unpack("=HH", data[:4])
        if units == 0:
            break
        found[kind] = data[:units * 8]
        data = data[units * 8:]
    return found


def address(extension):
    return extension[12:16]


def subnet(extension):
    return extension[12:16], extension[5]


def spi_of(extension):
    return struct.unpack(">I", extension[4:8])[0]


def key(extension):
    return extension[8:8 + struct.unpack("=H", extension[4:6])[0] // 8]


def expire(sa):
    """The message that this SA's soft lifetime is over."""
    said = struct.pack("=HH", 2, E_SA) + struct.pack(">I", sa.spi) + bytes(8)
    for kind, at in ((E_SRC, sa.src), (E_DST, sa.dst)):
        said += struct.pack("=HHBBHHH4s8x", 3, kind, 0, 32, 0, 2, 0, at)
    said += struct.pack("=HHIQQQ", 4, E_SOFT, 0, 0, 0, 0)
    return struct.pack("=BBBBHHII", 2, EXPIRE, 0, ESP, 2 + len(said) // 8, 0, 0, 0) + said


class PfKey:
    def __init__(self, database):
        self.db = database

    def _sa(self, found, update):
        sa = Sa(spi_of(found[E_SA]), address(found[E_SRC]), address(found[E_DST]))
        auth, encrypt = found[E_SA][10], found[E_SA][11]
        if encrypt not in CIPHERS or auth not in INTEGRITY:
            raise Refused(38)       # ENOSYS
        keymat = key(found[E_ENCRYPT])
        name, salt = CIPHERS[encrypt]
        if E_SPORT in found:
            sa.ports = tuple(struct.unpack(">H", found[e][4:6])[0] for e in (E_SPORT, E_DPORT))
        sa.keys(name % ((len(keymat) - salt) * 8) + INTEGRITY[auth], keymat + (key(found[E_AUTH]) if auth else b""), False)
        self.db.sa_add(sa, update)

    def _policy(self, kind, found):
        src, dst = subnet(found[E_SRC]), subnet(found[E_DST])
        proto = found[E_SRC][4] if found[E_SRC][4] != 255 else 0
        policy, direction = Policy(src, dst, proto, 0), DIRECTIONS.get(found[E_POLICY][6])
        if direction is None:
            return
        if kind == SPD_DELETE:
            self.db.policy_delete(direction, src, dst, proto)
            return
        if found[E_POLICY][4] == 2 and len(found[E_POLICY]) >= 64:
            policy.protects = True
            policy.reqid = struct.unpack("=I", found[E_POLICY][24:28])[0]
            policy.tunnel = (found[E_POLICY][36:40], found[E_POLICY][52:56])
        self.db.policy_set(direction, policy)

    def _say(self, kind, found):
        """The extensions of the answer."""
        if kind == GETSPI:
            low, high = struct.unpack("=II", found[E_RANGE][4:12])
            sa = self.db.spi_new(address(found[E_SRC]), address(found[E_DST]), low, high)
            return struct.pack("=HH", 2, E_SA) + struct.pack(">I", sa.spi) + bytes(8)
        if kind in (ADD, UPDATE):
            self._sa(found, kind == UPDATE)
        elif kind == DELETE:
            self.db.sa_delete(address(found[E_DST]), spi_of(found[E_SA]))
        elif kind == GET:
            self.db.sa_get(address(found[E_DST]), spi_of(found[E_SA]))
            return found[E_SA]
        elif kind in (SPD_ADD, SPD_UPDATE, SPD_DELETE):
            self._policy(kind, found)
        elif kind in (FLUSH, SPD_FLUSH):
            self.db.flush(sas=kind == FLUSH, policies=kind == SPD_FLUSH)
        elif kind != REGISTER:
            raise Refused(95)       # EOPNOTSUPP
        return b""

    def answer(self, message):
        """The kernel's answer to one request."""
        version, kind, _, satype, _, _, seq, pid = struct.unpack("=BBBBHHII", message[:16])
        try:
            said, code = self._say(kind, extensions(message[16:])), 0
        except Refused as why:
            said, code = b"", why.errno
        return struct.pack("=BBBBHHII", version, kind, code, satype, 2 + len(said) // 8, 0, seq, pid) + said
