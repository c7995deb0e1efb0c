#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's story and verdict, from the files that the run left:
run.json (times, SPIs, status), ping.json (each packet), events.json (the nodes'
own), outer.json (the capture). Exit status 0: the tunnel has survived."""
import argparse
import json
import os
import re
import sys


def load(folder, name):
    with open(os.path.join(folder, name)) as f:
        return json.load(f)


SIGNAL_MS = 20  # Until then the victim may still answer, while the signal is on its way.


def first_back(rows, kill, moved):
    """When the silence that contains the kill ends: the longest of those that have begun when
    the first packet of another node is on the wire (moved; None: none was seen). A later one
    is the pinging process's own, or another fault; it is not the gap of this kill."""
    at = sorted(r[2] for r in rows if r[2] is not None)
    if not at or at[-1] < kill:
        return None
    begun = kill + SIGNAL_MS if moved is None else moved
    ends = [(b - a, b) for a, b in zip(at, at[1:]) if b >= kill and a <= begun]
    if at[-1] <= begun:
        ends.append((rows[-1][1] - at[-1], None))
    return max(ends, key=lambda e: e[0])[1]


def mark_age(events, killed, kill):
    """As the successor tells it: "takes over from n1, mark age 1200 us"."""
    for e in events:
        found = re.search(r"from %s, mark age (\d+) us" % re.escape(killed), e.get("text", ""))
        if found and e["at_ms"] >= kill:
            return int(found.group(1)) / 1000
    return None


def measure(folder):
    run, ping = load(folder, "run.json"), load(folder, "ping.json")
    outer, events = load(folder, "outer.json"), load(folder, "events.json")
    kill = run["killed_at_ms"]
    rows = ping["rows"]
    move = next((m for m in outer["moves"] if m["at_ms"] >= kill), None)
    back = first_back(rows, kill, move and move["at_ms"])
    answered = [r[2] for r in rows if r[2] is not None]
    lost = [r for r in rows if r[2] is None]
    exchanges = [m for m in outer["ike"] if m[0] >= kill and m[1].startswith("cl") and m[3] == "request"
                 and m[2] in ("IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA")]
    status = run["status_after"] or {}
    takeovers = status.get("takeovers") or {}
    survived = back is not None and max(answered) > rows[-1][1] - 1000
    report = {
        "datapath": (status.get("datapath") or {}).get("mode"),
        "killed": run["killed"], "was_leader": run["was_leader"], "killed_at_ms": kill,
        "gap_ms": round(back - kill, 1) if back is not None else None,
        "packets_sent": len(rows), "packets_lost": len(lost),
        "ike_exchanges": len(exchanges),
        "spis_before": run["spis_before"].split(), "spis_after": run["spis_after"].split(),
        "spis_equal": run["spis_before"] == run["spis_after"] != "",
        "sequence_jump": move["jump"] if move else None,
        "mark_age_ms": mark_age(events, run["killed"], kill),
        "acknowledged": takeovers.get("acknowledged"),
        "outer_side_clean": outer["ok"], "problems": [p for list_ in outer["problems"].values() for p in list_],
        "false_node_downs": status.get("false_node_downs"),
    }
    report["survived"] = (survived and report["spis_equal"] and not exchanges and outer["ok"])
    report["timeline"] = timeline(run, outer, events, back, kill)
    return report


def timeline(run, outer, events, back, kill):
    """[(ms relative to the kill, who, what)] in order."""
    out = [(run["client_up_ms"] - kill, "client", "tunnel is up: %s" % run["spis_before"]),
           (0.0, run["killed"], "kill -9" + (", it was the leader" if run["was_leader"] else ""))]
    shown = set()
    for e in events:
        at = e["at_ms"] - kill
        key = (e["kind"], e["node"]) if e["kind"] != "node_down" else (e["kind"], e.get("text"))
        if at < 0 or key in shown or e["kind"] in ("session_up", "session_down", "lease", "started", "propose", "commit", "ike"):
            continue
        shown.add(key)
        out.append((at, e["node"], "%s: %s" % (e["kind"].replace("_", " "), e.get("text", ""))))
    for t, host, address in outer["announced"]:
        if t >= kill and address == run["address"]:
            out.append((t - kill, host, "announces %s (on the wire)" % address))
            break
    move = next((m for m in outer["moves"] if m["at_ms"] >= kill), None)
    if move:
        out.append((move["at_ms"] - kill, move["to"], "first ESP packet of SPI %s, %d numbers on (on the wire)" %
                    (move["spi"], move["jump"])))
    if back is not None:
        out.append((back - kill, "client", "first packet back"))
    notice = next((m for m in outer["ike"] if m[0] >= kill and m[2:] == ["INFORMATIONAL", "request"]
                   and not m[1].startswith("cl")), None)
    answer = next((m for m in outer["ike"] if notice and m[0] >= notice[0] and m[1].startswith("cl")
                   and m[2:] == ["INFORMATIONAL", "response"]), None)
    if notice:
        out.append((notice[0] - kill, notice[1], "NOTIFY sent (on the wire)"))
    if answer:
        out.append((answer[0] - kill, "client", "NOTIFY acknowledged (on the wire)"))
    return [[round(t, 1), who, what] for t, who, what in sorted(out, key=lambda x: x[0])]


def words(r):
    for at, who, what in r["timeline"]:
        print("%+10.1f ms  %-7s %s" % (at, who, what))
    print()
    gap = "none came back" if r["gap_ms"] is None else "%.0f ms from kill to first packet back" % r["gap_ms"]
    print("gap                %s" % gap)
    print("packets lost       %d of %d" % (r["packets_lost"], r["packets_sent"]))
    print("IKE exchanges      %d (IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA by the client)" % r["ike_exchanges"])
    print("SPIs before        %s" % " ".join(r["spis_before"]))
    print("SPIs after         %s%s" % (" ".join(r["spis_after"]), " (equal)" if r["spis_equal"] else " (CHANGED)"))
    print("sequence jump      %s" % r["sequence_jump"])
    print("mark age           %s" % ("unknown" if r["mark_age_ms"] is None else "%.1f ms" % r["mark_age_ms"]))
    print("data path          %s" % r["datapath"])
    for p in r["problems"]:
        print("on the wire        %s" % p)
    print()
    print("The tunnel survived." if r["survived"] else "THE TUNNEL DID NOT SURVIVE.")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    r = measure(a.folder)
    if a.json:
        json.dump(r, sys.stdout, indent=1)
        print()
    else:
        words(r)
    return 0 if r["survived"] else 1


if __name__ == "__main__":
    sys.exit(main())
