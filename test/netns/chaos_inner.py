#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Invariant I2 from outside: what the clients sent as ESP, opened with the keys of
their logs, against what the nodes delivered to the protected network.

    chaos_inner.py [--exact] DIR

DIR holds wan-cl*.pcap, lan-n*.pcap, CLIENT/run/charon.log (with chd = 4), the nodes'
logs n?.log, rungs.log (which data path a node's life has had: "MS NODE RUNG"), clock.log
(when a node's wall clock was stepped: "MS NODE STEP_MS") and kills.log (between when a
node's life ended: "MS MS NODE"). Checked: every inner packet delivered had been sent by a client, and none is delivered more often than it was sent, but for

  takeover  what was first delivered at or after the last mark that the successor had of it:
            NodeDown's apply less the mark age that the successor published, until the old
            owner, if it lived, must have fallen silent (isolation);
  restart   what a process delivered in its last second, whose marks were not committed
            yet, where it came back before anyone missed it, or all were lost;

and then only by another node or in another life: by the lost node and its successor, or by
the one that came back. With --exact nothing is excused. "beyond_mark_age_ms" is by how
much the oldest of them was older than the published age, "uncommitted_ms" how long before
the end of a life the oldest of the others came. SLACK_MS is what a mark may need on its
way on a busy machine. A verdict as JSON goes to the standard output.
"""
import collections
import datetime
import glob
import hashlib
import heapq
import json
import os
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cryptography.exceptions import InvalidTag                      # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM      # noqa: E402
from keys import from_log                                           # noqa: E402
from observe import captured                                        # noqa: E402

SLACK_MS = 60
ISOLATION_MS = 1200
COMMITTED_MS = 1300
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z \w+ (\w+) owner \w+ takes over from (\w+), mark age (\d+) us")
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")


def unix_ms(text):
    when = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc)
    return when.timestamp() * 1000


class Clock:
    """A node's wall clock as it was set: true time from what the node has written."""

    def __init__(self, path, node):
        self.from_ms, self.step = [0.0], [0]
        for line in open(path):
            t, who, step = line.split()
            if who == node:
                self.from_ms.append(float(t))
                self.step.append(int(step))

    def true_ms(self, written, not_before):
        """The times, in order, at which the clock showed this, after the line before."""
        fits = []
        for i, step in enumerate(self.step):
            t = written - step
            until = self.from_ms[i + 1] if i + 1 < len(self.step) else float("inf")
            if self.from_ms[i] - 50 <= t <= until + 50:
                fits.append(t)
        return sorted([t for t in fits if t >= not_before - 100] or fits or [written])


def takeovers(folder):
    """(successor, lost node, true ms, mark age in ms) of each takeover that was published; more
    than one of it where a clock was put back and may have shown that time twice."""
    found, published = [], 0
    for path in sorted(glob.glob(folder + "/n?.log")):
        clock, last = Clock(folder + "/clock.log", os.path.basename(path)[:-4]), 0.0
        for line in open(path, errors="replace"):
            stamp = STAMP.match(line)
            if not stamp:
                continue
            times = clock.true_ms(unix_ms(stamp.group(1)), last)
            last = times[0]
            hit = LINE.match(line)
            if hit:
                published += 1
                found += [(hit.group(2), hit.group(3), t, int(hit.group(4)) / 1000) for t in times]
    return found, published


def kills(folder):
    return [(float(t), float(to), node) for t, to, node in (line.split() for line in open(folder + "/kills.log"))]


def by_rungs(folder, over):
    """How many takeovers went from which data path to which."""
    lives, count = [line.split() for line in open(folder + "/rungs.log")], collections.Counter()
    for successor, lost, at, _ in over:
        of = [[rung for t, n, rung in lives if n == node and float(t) <= at] for node in (lost, successor)]
        # The lost one may have been started anew before its loss was known.
        count[" > ".join(rungs[-1] if rungs else "?" for rungs in of)] += 1
    return dict(sorted(count.items()))


def ipv4(frame):
    """(destination MAC, the IPv4 packet without what lies behind it) or None."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00":
        return None
    size = struct.unpack(">H", frame[16:18])[0]
    return frame[14:14 + size]


def identity(p):
    """What stays the same on the way: not TTL, not the checksums, not the IPv4
    identification, which segmentation may write anew. And whether it is a datagram."""
    head, proto = (p[0] & 15) * 4, p[9]
    body = p[head:]
    if proto == 17:
        body = body[:6] + body[8:]
    elif proto == 6:
        body = body[:16] + body[18:]
    elif proto == 1:
        body = body[:2] + body[4:]
    return hashlib.blake2b(p[9:10] + p[12:20] + body, digest_size=10).digest()


class Keys:
    """ESP keys of a client's log; which SPI has which is found out by trying."""

    def __init__(self, log):
        self.all = [k for k in from_log(log) if len(k) in (20, 36)]
        self.of, self.tried = {}, {}

    def open(self, p):
        spi = p[:4]
        for key in [self.of[spi]] if spi in self.of else self.all:
            try:
                plain = AESGCM(key[:-4]).decrypt(key[-4:] + p[8:16], p[16:], p[:8])
            except InvalidTag:
                continue
            self.of[spi] = key
            return plain[:len(plain) - 2 - plain[-2]] if plain[-1] == 4 else None
        return None


def esp_of(p):
    """The ESP packet in an IPv4 packet, by itself or in UDP 4500."""
    body = p[(p[0] & 15) * 4:]
    if p[9] == 50:
        return body
    if p[9] == 17 and len(body) > 24 and 4500 in struct.unpack(">HH", body[:4]) and body[8:12] != bytes(4):
        return body[8:]
    return None


def sent_by_clients(folder):
    sent, opened, closed = collections.Counter(), 0, 0
    for path in sorted(glob.glob(folder + "/wan-cl*.pcap")):
        name = os.path.basename(path)[4:-5]
        keys = Keys("%s/%s/run/charon.log" % (folder, name))
        for _, _, frame in captured(path):
            p = ipv4(frame)
            esp = p and esp_of(p)
            if not esp:
                continue
            inner = keys.open(esp)
            if inner:
                sent[identity(inner)] += 1
                opened += 1
            else:
                closed += 1
    return sent, opened, closed


class Delivered:
    def __init__(self, sent, over, ends, exact):
        self.sent, self.over, self.ends, self.exact = sent, over, ends, exact
        self.seen = {}              # identity -> [(ms, node)]
        self.count = self.twice = 0
        self.problems, self.excuses = [], collections.Counter()
        self.beyond = self.uncommitted = 0.0
        self.kills = {}
        for t, to, node in ends:
            self.kills.setdefault(node, []).append((t, to))

    def lives_between(self, node, first, second):
        return any(to >= first and t <= second for t, to in self.kills.get(node, []))

    def excused(self, first, second):
        (t1, n1), (t2, n2) = first, second
        if self.exact or n1 == n2 and not self.lives_between(n1, t1, t2):
            return False
        for successor, lost, at, age in self.over:
            # The lost node had it and the successor again, or the successor and then the lost one, not silent yet.
            if at - age - SLACK_MS <= t1 <= at + ISOLATION_MS and lost in (n1, n2) and successor in (n1, n2):
                self.excuses["takeover"] += 1
                self.beyond = max(self.beyond, at - age - t1)
                return True
        for t, to, node in self.ends:
            if node == n1 and t - COMMITTED_MS <= t1 <= to:
                self.excuses["restart"] += 1
                self.uncommitted = max(self.uncommitted, t - t1)
                return True
        return False

    def packet(self, t, node, p):
        ms, who = t * 1000, identity(p)
        self.count += 1
        seen = self.seen.setdefault(who, [])
        seen.append((ms, node))
        allowed = self.sent[who]
        if allowed == 0:
            self.problem("%.3f %s delivers what no client has sent: %s" % (t, node, p[:48].hex()))
        elif len(seen) > allowed:
            self.twice += 1
            if not self.excused(seen[-2], seen[-1]):
                self.problem("%.3f %s delivers again what %s delivered %.1f ms ago: %s" %
                             (t, node, seen[-2][1], ms - seen[-2][0], p[:48].hex()))

    def problem(self, text):
        if len(self.problems) < 50:
            self.problems.append(text)


def main():
    folder = sys.argv[-1]
    sent, opened, closed = sent_by_clients(folder)
    (over, published), ends = takeovers(folder), kills(folder)
    d = Delivered(sent, over, ends, "--exact" in sys.argv)
    files = sorted(glob.glob(folder + "/lan-n*.pcap"))
    for t, host, frame in heapq.merge(*map(captured, files), key=lambda x: x[0]):
        p = ipv4(frame)
        # From the pool, forwarded inward; a node's own packets are none of ours.
        if p and p[12:14] == b"\x0a\x1e":
            d.packet(t, host.replace("lan-", ""), p)
    if closed:
        d.problem("%d ESP packets of the clients open with none of their keys" % closed)
    json.dump({"ok": not d.problems and opened > 0 and d.count > 0, "problems": d.problems, "opened": opened,
               "delivered": d.count, "twice": d.twice, "excused": d.excuses,
               "beyond_mark_age_ms": round(d.beyond, 1), "uncommitted_ms": round(d.uncommitted, 1),
               "takeover_windows": published, "rungs": by_rungs(folder, over), "restart_windows": len(ends)}, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
