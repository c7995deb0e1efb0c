#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""report.py [--json] DIR: the results of failover.sh, as tables."""
import argparse
import glob
import json
import math
import os
import platform
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from trial import figures  # noqa: E402

ORDER = ["owner", "both", "leader", "cut", "ha", "standby", "defaults"]
MEANS = {"owner": "baton, owner killed", "both": "baton, leader and owner in one, killed",
         "leader": "baton, leader killed, owns nothing", "cut": "baton, owner's cables pulled",
         "ha": "strongSwan HA pair, active killed", "standby": "strongSwan cold standby, tuned DPD",
         "defaults": "strongSwan cold standby, default timers"}


def quantile(values, q):
    """Nearest rank; a trial without a value counts as infinite."""
    v = sorted(math.inf if x is None else x for x in values)
    return v[max(0, math.ceil(q * len(v)) - 1)] if v else None


def spread(values):
    return {"p50": quantile(values, 0.5), "p95": quantile(values, 0.95), "max": quantile(values, 1.0)}


def group(folder):
    kind = os.path.basename(folder).rsplit("-", 1)[0]
    trials = [figures(p[:-5], kind) for p in sorted(glob.glob(folder + "/*.kill"))]
    if not trials:
        return None
    names = ["suspected", "elected", "proposed", "committed", "applied", "announced", "first_esp"]
    names = [n for n in names if any(n in t.get("stages", {}) for t in trials)]
    for t in trials:
        names += [n for n in t.get("stages", {}) if n not in names]
    out = {"kind": kind, "rate": int(folder.rsplit("-", 1)[1]), "kills": len(trials),
           "gap_ms": spread([t["gap_ms"] for t in trials]),
           "silence_ms": spread([t["silence_ms"] for t in trials]),
           "lost": spread([t["lost"] for t in trials]),
           "lost_none": sum(t["lost"] == 0 for t in trials),
           "lost_before": sum(t["lost_before"] for t in trials),
           "sent_before": spread([t["sent_before"] for t in trials]),
           "late_ms": max(t["late_ms"] for t in trials),
           "duplicates": sum(t["duplicates"] for t in trials),
           "stages": {n: spread([t["stages"][n] for t in trials if n in t.get("stages", {})]) for n in names}}
    if "same_sa" in trials[0]:
        out["same_sa"] = sum(t["same_sa"] for t in trials)
        out["false_downs"] = max(t["false_downs"] for t in trials)
        with open(folder + "/datapath") as f:
            out["datapath"] = f.read().strip()
    return out


def ratios(groups):
    out = []
    for g in groups:
        if g["kind"] not in ("ha", "standby", "defaults"):
            continue
        for b in groups:
            if b["rate"] == g["rate"] and b["kind"] in ("owner", "both", "cut"):
                out.append({"anchor": g["kind"], "baton": b["kind"], "rate": g["rate"],
                            "p50": g["gap_ms"]["p50"] / b["gap_ms"]["p50"],
                            "max": g["gap_ms"]["max"] / b["gap_ms"]["max"]})
    return out


def text_of(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = re.search(r"model name\s*:\s*(.*)", f.read())
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load": os.getloadavg()[2],
            "strongswan": text_of(["dpkg-query", "-W", "-f", "${Version}", "charon-systemd"]),
            "commit": text_of(["git", "describe", "--always", "--dirty"])}


def number(x):
    if x is None or x == math.inf:
        return "never"
    return "%.0f" % x if x >= 100 else "%.1f" % x


def cells(s):
    return "%8s %8s %8s" % tuple(number(s[k]) for k in ("p50", "p95", "max"))


def words(r):
    m = r["machine"]
    print("machine    %s, %d cores, Linux %s, load %.1f over the last 15 minutes" %
          (m["cpu"], m["cores"], m["kernel"], m["load"]))
    print("versions   baton %s, strongSwan %s" % (m["commit"], m["strongswan"]))
    for rate in sorted({g["rate"] for g in r["groups"]}):
        print("\n%d packets/s%31s kills      p50      p95      max" % (rate, ""))
        for g in r["groups"]:
            if g["rate"] != rate:
                continue
            print("%-44s %4d" % (MEANS[g["kind"]], g["kills"]))
            print("    gap, ms %37s %s" % ("", cells(g["gap_ms"])))
            print("    longest silence, ms %25s %s" % ("", cells(g["silence_ms"])))
            print("    packets lost, of those from the kill on %5s %s   none lost in %d of %d" %
                  ("", cells(g["lost"]), g["lost_none"], g["kills"]))
            for name, s in g["stages"].items():
                print("      %-12s ms after the kill %13s %s" % (name, "", cells(s)))
            if "same_sa" in g:
                print("    same SPIs, no exchange by the client: %d of %d; false NodeDowns %d; data path %s" %
                      (g["same_sa"], g["kills"], g["false_downs"], g["datapath"]))
            if g["lost_before"] or g["duplicates"]:
                print("    lost before any kill: %d, answered twice: %d" % (g["lost_before"], g["duplicates"]))
    if r["ratios"]:
        print("\nanchor's gap : baton's gap             packets/s      p50      max")
        for x in r["ratios"]:
            print("%-9s : %-24s %11d %8s %8s" %
                  (x["anchor"], x["baton"], x["rate"], number(x["p50"]), number(x["max"])))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    groups = [g for g in map(group, glob.glob(a.folder + "/*-[0-9]*[0-9]")) if g and g["kind"] in ORDER]
    groups.sort(key=lambda g: (g["rate"], ORDER.index(g["kind"])))
    r = {"machine": machine(), "groups": groups, "ratios": ratios(groups)}
    if a.json:
        json.dump(r, sys.stdout, indent=1)
        print()
    else:
        words(r)
    return 0 if groups else 1


if __name__ == "__main__":
    sys.exit(main())
