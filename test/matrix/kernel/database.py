# SPDX-License-Identifier: Apache-2.0
"""What a kernel with IPsec knows (RFC 4301, 4.4): SAs and policies, whichever messages bring them.

An SA is found by its destination and SPI when a packet comes, by the policy's template when one goes:
then the youngest of those that fit is taken, as Linux does."""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../interop"))
from esp import EspError, EspSa, Suite      # noqa: E402

IN, OUT, FORWARD = 0, 1, 2      # Directions, as XFRM counts them.
WINDOW = 64


class Refused(Exception):
    """The kernel's answer is this errno."""

    def __init__(self, number):
        super().__init__(os.strerror(number))
        self.errno = number


class Sa:
    """One direction of a Child SA. ports: (source, destination) of UDP, or None: IP protocol 50."""

    def __init__(self, spi, src, dst):
        self.spi, self.src, self.dst = spi, src, dst
        self.reqid, self.ports, self.esp = 0, None, None
        self.octets = self.packets = 0
        self.added, self.used = int(time.time()), 0
        self.seen = set()

    def keys(self, suite, keymat, esn):
        self.esp = EspSa(self.spi, Suite(suite), keymat, esn)

    def count(self, octets):
        self.octets, self.packets, self.used = self.octets + octets, self.packets + 1, int(time.time())

    def seal(self, inner):
        self.count(len(inner))
        return self.esp.seal(inner)

    def open(self, packet):
        """The inner packet. A number counts once, and none below the window (RFC 4303, 3.4.3)."""
        top = self.esp.highest
        seq, kind, inner = self.esp.open(packet)
        if kind == 59:
            return None
        if kind != 4:
            raise EspError("next header %d" % kind)
        if seq in self.seen or seq + WINDOW <= top:
            raise EspError("number %d is replayed, the highest was %d" % (seq, top))
        self.seen = {s for s in self.seen if s + WINDOW > self.esp.highest} | {seq}
        self.count(len(inner))
        return inner


def network(address, bits):
    """(number, mask) of an IPv4 address in octets."""
    mask = (0xffffffff << (32 - bits)) & 0xffffffff
    return struct.unpack(">I", address)[0] & mask, mask


class Policy:
    """Packets from src to dst, each (address, prefix length); reqid and tunnel as the template says."""

    def __init__(self, src, dst, proto, priority):
        self.src, self.dst, self.proto, self.priority = src, dst, proto, priority
        self.protects, self.reqid, self.tunnel = False, 0, None

    def fits(self, inner):
        for (address, bits), at in ((self.src, 12), (self.dst, 16)):
            base, mask = network(address, bits)
            if struct.unpack(">I", inner[at:at + 4])[0] & mask != base:
                return False
        return not self.proto or inner[9] == self.proto


class Database:
    """routes: called with the destinations (address, bits) whose packets are to be sealed."""

    def __init__(self, routes):
        self.sas, self.policies, self.routes = {}, {}, routes

    def spi_new(self, src, dst, low, high):
        while True:
            spi = low + int.from_bytes(os.urandom(8), "big") % (high - low + 1)
            if (dst, spi) not in self.sas:
                self.sas[dst, spi] = Sa(spi, src, dst)
                return self.sas[dst, spi]

    def sa_add(self, sa, update):
        old = self.sas.get((sa.dst, sa.spi))
        if update and old is None:
            raise Refused(3)        # ESRCH
        if not update and old is not None and old.esp is not None:
            raise Refused(17)       # EEXIST
        self.sas.pop((sa.dst, sa.spi), None)
        self.sas[sa.dst, sa.spi] = sa

    def sa_get(self, dst, spi):
        if (dst, spi) not in self.sas:
            raise Refused(3)
        return self.sas[dst, spi]

    def sa_delete(self, dst, spi):
        self.sa_get(dst, spi)
        del self.sas[dst, spi]

    def move(self, reqid, old, new, ports):
        """The SAs between two addresses go to others (RFC 4555)."""
        moved = [s for s in self.sas.values() if (s.src, s.dst) == old and s.reqid == reqid]
        for sa in moved:
            del self.sas[sa.dst, sa.spi]
            sa.src, sa.dst, sa.ports = new[0], new[1], ports
            self.sas[sa.dst, sa.spi] = sa
        for policy in self.policies.values():
            if policy.tunnel == old and policy.reqid == reqid:
                policy.tunnel = new
        return len(moved)

    def policy_set(self, direction, policy):
        self.policies[direction, policy.src, policy.dst, policy.proto] = policy
        self._tell()

    def policy_delete(self, direction, src, dst, proto):
        if (direction, src, dst, proto) not in self.policies:
            raise Refused(2)        # ENOENT
        del self.policies[direction, src, dst, proto]
        self._tell()

    def flush(self, sas=True, policies=True):
        if sas:
            self.sas = {}
        if policies:
            self.policies = {}
            self._tell()

    def _tell(self):
        self.routes({p.dst for (d, *_), p in self.policies.items() if d == OUT and p.protects})

    def policy_of(self, direction, inner):
        fit = [p for (d, *_), p in self.policies.items() if d == direction and p.fits(inner)]
        return min(fit, key=lambda p: p.priority) if fit else None

    def outbound(self, inner):
        """(SA, ESP packet), or None where there is no SA."""
        policy = self.policy_of(OUT, inner)
        if policy is None or not policy.protects:
            return None
        fit = [s for s in self.sas.values() if s.esp and s.reqid == policy.reqid and policy.tunnel == (s.src, s.dst)]
        if not fit:
            return None
        sa = fit[-1]
        return sa, sa.seal(inner)

    def inbound(self, dst, packet, in_udp):
        """The inner packet, or None: a dummy packet. As in Linux, an SA is for ESP in UDP or for the other."""
        sa = self.sas.get((dst, struct.unpack(">I", packet[:4])[0]))
        if sa is None or sa.esp is None:
            raise EspError("no SA %s to %s" % (packet[:4].hex(), socket.inet_ntoa(dst)))
        if (sa.ports is not None) != in_udp:
            raise EspError("SA %s is not for ESP that comes %s UDP" % (packet[:4].hex(), "in" if in_udp else "without"))
        inner = sa.open(packet)
        if inner is None:
            return None
        policy = self.policy_of(IN, inner)
        if policy is None or not policy.protects or policy.reqid != sa.reqid:
            raise EspError("SA %s may not carry what it does" % packet[:4].hex())
        return inner
