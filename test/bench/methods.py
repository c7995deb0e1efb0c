#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""methods.py [--json] DIR: the results of methods.sh, as a table; medians over the rounds. A ratio is of two
figures of one round; the table has the median of these."""
import argparse
import glob
import json
import os
import statistics

ORDER = ["psk", "pubkey-ecdsa", "pubkey-rsa", "eap-mschapv2", "eap-radius"]


def rounds(folder, method):
    """(Ours, theirs) of each round."""
    for path in sorted(glob.glob("%s/%s.*.baton.json" % (folder, method))):
        with open(path) as ours, open(path.replace(".baton.", ".strongswan.")) as theirs:
            yield json.load(ours), json.load(theirs)


def per_cpu_s(result, seconds):
    return result["handshakes"] / max(seconds, 0.01)


def row(folder, method):
    pairs = list(rounds(folder, method))
    if not pairs:
        return None
    median = statistics.median
    ours = [per_cpu_s(o, o["leader_s"]) for o, _ in pairs]
    whole = [per_cpu_s(o, sum(o["nodes"].values())) for o, _ in pairs]
    theirs = [per_cpu_s(t, t["leader_s"]) for _, t in pairs]
    ratios = [a / b for a, b in zip(ours, theirs)]
    return {"method": method, "rounds": len(pairs), "leader": median(ours), "nodes": median(whole),
            "strongswan": median(theirs), "ratio": median(ratios), "ratio_least": min(ratios), "ratio_most": max(ratios),
            "ratio_nodes": median(a / b for a, b in zip(whole, theirs)),
            "stall_cpu_us": max(o["stall_cpu_us"] for o, _ in pairs), "stall_us": max(o["stall_us"] for o, _ in pairs),
            "failed": sum(o["failed"] + t["failed"] for o, t in pairs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("dir")
    args = parser.parse_args()
    rows = [r for r in (row(args.dir, m) for m in ORDER) if r]
    if args.json:
        print(json.dumps({"load": os.getloadavg()[0], "cores": os.cpu_count(), "rows": rows}, indent=1))
        return
    print("| method | leader | all nodes | strongSwan | leader to strongSwan | all nodes to strongSwan | stall, CPU ms | stall, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for r in rows:
        print("| %(method)s | %(leader).0f | %(nodes).0f | %(strongswan).0f | %(ratio).2f (%(ratio_least).2f to %(ratio_most).2f) | %(ratio_nodes).2f |" % r +
              " %.1f | %.1f |" % (r["stall_cpu_us"] / 1000, r["stall_us"] / 1000))
    if any(r["failed"] for r in rows):
        print("handshakes failed: " + ", ".join("%s %d" % (r["method"], r["failed"]) for r in rows if r["failed"]))


if __name__ == "__main__":
    main()
