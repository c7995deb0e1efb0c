#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what a wire-tapper at the switch's outer ports has seen.

    observe.py [--json] [--pool 10.30.0.0/16] [--inner 10.20.0.0/16]
               [--exempt SPI:SEQ ...] wan-n1.pcap wan-n2.pcap ... wan-cl.pcap

Each file holds what one host has sent (tcpdump -Q in at its port). Checked:
  clear     only IKE, ESP, ARP and neighbour discovery on the outer side, and no
            packet that names an inner address
  repeated  no (SPI, sequence number) is sent twice from the nodes, all of them
            together, nor one AEAD IV twice under an SPI (invariant I1 from outside)
  back      the numbers that a node sends under an SPI only grow, over all its lives
  ike       what the nodes send under a message ID of an IKE SA, in one direction,
            is the same octets each time (I3 from outside), and no two different
            messages have the same IV in their Encrypted payload (I1)
  icmp      no redirect or unreachable from a node
IKE messages are counted by exchange, role and sender. The exit status is 1 if
one of the checks fails. A packet that its sender never completed, because the
capture was cut short, is ignored.
"""
import argparse
import collections
import hashlib
import heapq
import ipaddress
import json
import os
import struct
import sys

EXCHANGE = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL"}
# Router and neighbour discovery, multicast listener reports.
ICMP6_FINE = {130, 131, 132, 133, 134, 135, 136, 143}


def frames(path):
    """(unix seconds, frame) of a classic pcap file; stops at a torn last record."""
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24:
            return
        magic = head[:4]
        if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
            order = "<"
        elif magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
            order = ">"
        else:
            raise ValueError("%s: not a pcap file" % path)
        scale = 1e-9 if b"\x3c" in magic else 1e-6
        while True:
            rec = f.read(16)
            if len(rec) < 16:
                return
            sec, frac, size, _ = struct.unpack(order + "IIII", rec)
            data = f.read(size)
            if len(data) < size:
                return
            yield sec + frac * scale, data


def captured(path):
    host = os.path.basename(path).split(".")[0].replace("wan-", "")
    for t, data in frames(path):
        yield t, host, data


class Observer:
    def __init__(self, pool, inner, exempt):
        self.pool, self.inner, self.exempt = pool, inner, exempt
        self.problems = collections.OrderedDict((k, []) for k in
                                                ("clear", "repeated", "back", "ike", "icmp"))
        self.ike = collections.Counter()
        self.ike_spis = collections.OrderedDict()
        self.esp = {}            # (side, spi) -> {"count", "first", "last", "by"}
        self.numbers = {}        # (side, spi) -> {seq: (host, time)}
        self.ivs = {}            # (side, spi) -> {iv: seq}
        self.newest = {}         # (host, spi) -> highest number sent
        self.messages = {}       # IKE SA, message ID, flags, fragment -> (digest, time, host)
        self.sk_ivs = {}         # (IKE SPIs, IV) -> digest of the message
        self.when = []           # (time, host, what) of each IKE message
        self.announced = []      # (time, host, address): ARP whose sender and target are the same
        self.moves = []          # an SPI of the nodes goes from one host to another

    def problem(self, kind, t, host, text):
        if len(self.problems[kind]) < 50:
            self.problems[kind].append("%.6f %s: %s" % (t, host, text))

    def frame(self, host, t, data):
        if len(data) < 14:
            return
        kind, at = struct.unpack(">H", data[12:14])[0], 14
        while kind in (0x8100, 0x88a8) and len(data) >= at + 4:
            kind, at = struct.unpack(">H", data[at + 2:at + 4])[0], at + 4
        if kind == 0x0806 and len(data) >= at + 28:
            if data[at + 14:at + 18] == data[at + 24:at + 28]:
                self.announced.append((t, host, str(ipaddress.ip_address(data[at + 14:at + 18]))))
            return
        if kind < 0x0600 or kind == 0x0806:
            return
        if kind == 0x0800:
            self.ipv4(host, t, data[at:])
        elif kind == 0x86dd:
            self.ipv6(host, t, data[at:])
        else:
            self.problem("clear", t, host, "ethertype %04x" % kind)

    def ipv4(self, host, t, p):
        if len(p) < 20:
            return
        size, proto = (p[0] & 15) * 4, p[9]
        src, dst = ipaddress.ip_address(p[12:16]), ipaddress.ip_address(p[16:20])
        for a in (src, dst):
            if a in self.pool or a in self.inner:
                self.problem("clear", t, host, "inner packet %s > %s protocol %d" % (src, dst, proto))
                return
        fragment = struct.unpack(">H", p[6:8])[0]
        if fragment & 0x1fff:
            return
        self.transport(host, t, src, dst, proto, p[size:])

    def ipv6(self, host, t, p):
        if len(p) < 40:
            return
        proto, rest = p[6], p[40:]
        if proto == 0 and len(rest) >= 8:       # hop-by-hop, as before a listener report
            proto, rest = rest[0], rest[8 + rest[1] * 8:]
        src, dst = ipaddress.ip_address(p[8:24]), ipaddress.ip_address(p[24:40])
        if proto == 58:
            if rest and rest[0] not in ICMP6_FINE:
                self.problem("icmp", t, host, "ICMPv6 type %d %s > %s" % (rest[0], src, dst))
            return
        self.transport(host, t, src, dst, proto, rest)

    def transport(self, host, t, src, dst, proto, p):
        if proto == 50:
            self.esp_packet(host, t, p)
        elif proto == 17 and len(p) >= 8:
            sport, dport = struct.unpack(">HH", p[:4])
            body = p[8:]
            if 4500 in (sport, dport):
                if body[:1] == b"\xff" and len(p) == 9 or struct.unpack(">H", p[4:6])[0] == 9:
                    self.ike["keepalive " + host] += 1
                elif body[:4] == b"\0\0\0\0":
                    self.ike_message(host, t, body[4:])
                else:
                    self.esp_packet(host, t, body)
            elif 500 in (sport, dport):
                self.ike_message(host, t, body)
            else:
                self.problem("clear", t, host, "UDP %s:%d > %s:%d" % (src, sport, dst, dport))
        elif proto == 1 and p:
            if p[0] in (3, 5):
                if host.startswith("cl"):       # a client that has ended
                    return
                self.problem("icmp", t, host, "ICMP type %d code %d %s > %s" % (p[0], p[1], src, dst))
            else:
                self.problem("clear", t, host, "ICMP type %d %s > %s" % (p[0], src, dst))
        else:
            self.problem("clear", t, host, "IP protocol %d %s > %s" % (proto, src, dst))

    def ike_message(self, host, t, p):
        if len(p) < 28:
            self.problem("clear", t, host, "short IKE message")
            return
        name = EXCHANGE.get(p[18], "exchange %d" % p[18])
        role = "response" if p[19] & 0x20 else "request"
        key = p[:16] + p[18:24]
        self.ike["%s %s %s" % (name, role, host)] += 1
        self.ike_spis.setdefault((p[:8].hex(), p[8:16].hex()), t)
        self.when.append((t, host, name, role, key.hex()))
        if not host.startswith("cl") and p[8:16] != bytes(8):   # a cookie is no part of an SA
            self.ike_octets(host, t, p, name + " " + role)

    def ike_octets(self, host, t, p, what):
        """The nodes' own messages: same message ID, same octets; IVs that do not come back."""
        digest = hashlib.sha256(p).digest()[:12]
        fragment = p[32:36] if p[16] == 53 else b""          # RFC 7383: number and total
        key = p[:16] + p[19:24] + fragment
        first = self.messages.setdefault(key, (digest, t, host))
        if first[0] != digest:
            self.problem("ike", t, host, "%s, ID %d of %s: other octets than by %s at %.6f" %
                         (what, struct.unpack(">I", p[20:24])[0], p[:16].hex(), first[2], first[1]))
        if p[16] in (46, 53) and len(p) >= 48:
            at = 36 if p[16] == 53 else 32
            if self.sk_ivs.setdefault(p[:16] + p[at:at + 8], digest) != digest:
                self.problem("ike", t, host, "%s: IV %s of an Encrypted payload comes twice" %
                             (what, p[at:at + 8].hex()))

    def esp_packet(self, host, t, p):
        if len(p) < 16:
            self.problem("clear", t, host, "short ESP packet")
            return
        spi, seq = struct.unpack(">II", p[:8])
        side = "client" if host.startswith("cl") else "nodes"
        key = (side, "%08x" % spi)
        use = self.esp.setdefault(key, {"count": 0, "first": seq, "last": seq, "by": {}, "max_jump": 0,
                                        "host": host, "time": t})
        if side == "nodes" and use["count"]:
            jump = seq - use["last"]
            if jump > use["max_jump"]:
                use["max_jump"] = jump
        if side == "nodes":
            newest = self.newest.get((host, spi), 0)
            if newest - seq > 1 << 31:      # ESN: the lower half begins anew
                newest = 0
            if use["count"] and seq <= newest:
                self.problem("back", t, host, "SPI %08x number %d after %d" % (spi, seq, newest))
            self.newest[(host, spi)] = max(seq, newest)
        if side == "nodes" and use["host"] != host:
            self.moves.append({"at_ms": round(t * 1000, 3), "spi": key[1], "from": use["host"], "to": host,
                               "silent_ms": round((t - use["time"]) * 1000, 3), "jump": seq - use["last"]})
        use["count"] += 1
        use["last"], use["host"], use["time"] = seq, host, t
        use["by"][host] = use["by"].get(host, 0) + 1
        seen = self.numbers.setdefault(key, {})
        if seq in seen and "%08x:%d" % (spi, seq) not in self.exempt and side == "nodes":
            self.problem("repeated", t, host, "SPI %08x number %d, first by %s at %.6f" %
                         (spi, seq, seen[seq][0], seen[seq][1]))
        elif side == "nodes":
            ivs, iv = self.ivs.setdefault(key, {}), p[8:16]
            if iv in ivs and ivs[iv] != seq:
                self.problem("repeated", t, host, "SPI %08x IV %s at numbers %d and %d" %
                             (spi, iv.hex(), ivs[iv], seq))
            ivs[iv] = seq
        seen.setdefault(seq, (host, t))

    def report(self):
        requests = collections.Counter()
        for _, host, name, role, key in {w[4] + w[1]: w for w in self.when}.values():
            if role == "request":
                requests["%s by %s" % (name, "client" if host.startswith("cl") else "nodes")] += 1
        return {
            "ok": not any(self.problems.values()),
            "problems": self.problems,
            "checked": {
                "esp_numbers": sum(len(v) for k, v in self.numbers.items() if k[0] == "nodes"),
                "esp_ivs": sum(len(v) for v in self.ivs.values()),
                "ike_messages": len(self.messages), "sk_ivs": len(self.sk_ivs)},
            "ike_messages": dict(sorted(self.ike.items())),
            "ike_requests": dict(sorted(requests.items())),
            "ike_spis": ["%s_i %s_r" % k for k in self.ike_spis if k[1] != "0" * 16],
            "ike": [[round(t * 1000, 3), host, name, role] for t, host, name, role, _ in self.when],
            "announced": [[round(t * 1000, 3), host, a] for t, host, a in self.announced],
            "moves": self.moves,
            "esp": [dict(u, side=k[0], spi=k[1]) for k, u in self.esp.items()],
        }


def print_report(r):
    for e in r["esp"]:
        by = ", ".join("%s %d" % b for b in sorted(e["by"].items()))
        print("ESP %s from %s: %d packets (%s), numbers %d to %d, largest jump %d" %
              (e["spi"], e["side"], e["count"], by, e["first"], e["last"], e["max_jump"]))
    for m in r["moves"]:
        print("ESP %s moves from %s to %s after %.1f ms, number jumps by %d" %
              (m["spi"], m["from"], m["to"], m["silent_ms"], m["jump"]))
    print("checked: %(esp_numbers)d numbers and %(esp_ivs)d IVs of ESP, %(ike_messages)d IKE messages "
          "and %(sk_ivs)d of their IVs" % r["checked"])
    for name, count in r["ike_requests"].items():
        print("IKE %s: %d" % (name, count))
    for kind, list_ in r["problems"].items():
        for text in list_:
            print("PROBLEM %s: %s" % (kind, text))
    print("outer side: %s" % ("clean" if r["ok"] else "NOT CLEAN"))


def main():
    p = argparse.ArgumentParser(description="check captures of the outer side")
    p.add_argument("files", nargs="+")
    p.add_argument("--json", action="store_true")
    p.add_argument("--pool", default="10.30.0.0/16")
    p.add_argument("--inner", default="10.20.0.0/16")
    p.add_argument("--exempt", nargs="*", default=[], help="SPI:SEQ that a test has injected again")
    args = p.parse_args()
    o = Observer(ipaddress.ip_network(args.pool), ipaddress.ip_network(args.inner), set(args.exempt))
    for t, host, data in heapq.merge(*(captured(path) for path in args.files), key=lambda x: x[0]):
        o.frame(host, t, data)
    r = o.report()
    if args.json:
        json.dump(r, sys.stdout, indent=1)
        print()
    else:
        print_report(r)
    return 0 if r["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
