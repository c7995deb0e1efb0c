#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One kill, as figures.

    trial.py wire ADDRESS wan-n1.pcap ...   what the nodes sent outward, as JSON
    trial.py show NN                        figures of the trial in NN.ping, NN.kill, ...

NN.ping is the pinger's, NN.kill "key value" lines with the time of the SIGKILL in
unix microseconds; the anchors have no more. The nodes' events (1 ms resolution) and
the wire (tcpdump's time stamps) are there for baton. All output is in
milliseconds from the kill.
"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
from observe import frames  # noqa: E402


# ---- the wire ----------------------------------------------------------------

def wire(address, paths):
    """For each host: times of its announcements of the address, and of its ESP packets."""
    want = bytes(int(x) for x in address.split("."))
    out = {}
    for path in paths:
        host = os.path.basename(path).split(".")[0].replace("wan-", "")
        announced, esp = [], []
        for t, f in frames(path):
            kind = f[12:14]
            if kind == b"\x08\x06" and f[28:32] == want and f[38:42] == want:
                announced.append(int(t * 1e6))
            elif kind == b"\x08\x00" and is_esp(f[14:]):
                esp.append(int(t * 1e6))
        out[host] = {"announced_us": announced, "esp_us": esp}
    return out


def is_esp(ip):
    header = (ip[0] & 15) * 4
    if ip[9] == 50:
        return True
    if ip[9] != 17 or len(ip) < header + 12:
        return False
    sport, = struct.unpack(">H", ip[header:header + 2])
    return sport == 4500 and ip[header + 8:header + 12] != bytes(4)


# ---- the packets -------------------------------------------------------------

def read_ping(path):
    rows, notes = [], {}
    with open(path) as f:
        for line in f:
            w = line.split()
            if w[0] == "#":
                notes = {w[i]: int(w[i + 1]) for i in range(1, len(w), 2)}
            else:
                rows.append((int(w[1]), None if w[2] == "-" else int(w[2])))
    return rows, notes


def read_words(path):
    with open(path) as f:
        return dict(line.split(None, 1) for line in f.read().splitlines() if " " in line)


def packets(rows, kill):
    """gap: from the kill to the first answer to a packet sent after it. Lost: from 100 ms
    before the kill on, so that a packet in flight counts and one lost long before does not."""
    after = [a for s, a in rows if s >= kill and a is not None]
    answers = sorted(a for s, a in rows if a is not None)
    silence = max((b - a for a, b in zip(answers, answers[1:]) if b >= kill), default=None)
    return {"gap_ms": (min(after) - kill) / 1e3 if after else None,
            "silence_ms": silence / 1e3 if silence is not None else None,
            "lost": sum(1 for s, a in rows if a is None and s >= kill - 100000),
            "lost_before": sum(1 for s, a in rows if a is None and s < kill - 100000),
            "sent_before": sum(1 for s, _ in rows if s < kill)}


# ---- the stages --------------------------------------------------------------

def first(times, kill):
    """Events have whole milliseconds: one of the kill's own millisecond is after it."""
    later = [t for t in times if t is not None and t >= kill // 1000 * 1000]
    return max(0.0, (min(later) - kill) / 1e3) if later else None


def stages(events, seen, victim, kill, kind):
    def at(what, node=None, word=""):
        return first([e["at_ms"] * 1000 for e in events if e["kind"] == what
                      and node in (None, e["node"]) and word in e.get("text", "")], kill)

    if kind == "leader":        # nothing of the session's moves
        return {"suspected": at("suspect", word=victim), "elected": at("leader"),
                "proposed": at("node_lost", word=victim), "committed": at("node_down", word=victim + " is down")}
    successors = [e["node"] for e in events if e["kind"] == "owner" and e["at_ms"] * 1000 >= kill - 1000]
    successor = successors[0] if successors else None
    out = {"suspected": at("suspect", word=victim), "proposed": at("node_lost", word=victim),
           "committed": at("node_down", word=victim + " is down")}
    if kind == "both":
        out["elected"] = at("leader")
    if successor:
        out["applied"] = at("owner", successor)
        out["announced"] = first(seen.get(successor, {}).get("announced_us", []), kill)
        out["first_esp"] = first(seen.get(successor, {}).get("esp_us", []), kill)
    return out


def figures(stem, kind=None):
    kind = kind or os.path.basename(os.path.dirname(os.path.abspath(stem))).rsplit("-", 1)[0]
    words = read_words(stem + ".kill")
    rows, notes = read_ping(stem + ".ping")
    kill = int(words["kill"])
    out = dict(packets(rows, kill), late_ms=notes["late_us"] / 1e3, duplicates=notes["duplicates"])
    if "moved" in words:
        out["stages"] = {"triggered": (int(words["triggered"]) - kill) / 1e3,
                         "announced": (int(words["moved"]) - kill) / 1e3}
    if os.path.exists(stem + ".events"):
        with open(stem + ".events") as e, open(stem + ".wire") as w:
            out["stages"] = stages(json.load(e), json.load(w), words["victim"], kill, kind)
        out["same_sa"] = words["same_sa"] == "yes"
        out["victim"] = words["victim"]
        out["false_downs"] = int(words["false_downs"])
    return out


def main():
    if len(sys.argv) >= 4 and sys.argv[1] == "wire":
        json.dump(wire(sys.argv[2], sys.argv[3:]), sys.stdout)
    elif len(sys.argv) == 3 and sys.argv[1] == "show":
        json.dump(figures(sys.argv[2]), sys.stdout, indent=1)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
