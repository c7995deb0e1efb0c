#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The schedule of a chaos run: the same seed gives the same one.

    chaos_plan.py SEED [--brisk] [--episodes N] [--kinds KIND,...]

Lines "OFFSET_MS VERB ARGS", in episodes: each begins with "0 episode ROLE
KINDS" and ends with "OFFSET_MS settle". All faults of an episode hit one node, which ROLE
names (owner, leader, n1, ...), so that a majority is well at any time, but for the
kinds "power", which takes all at once, "rolling", one after another, and "back", which
silences whoever is owner (leader) until it is who it was at first. What concerns a
client's own link, its rekeys and recorded ESP may come at any time.
The kinds are dealt like cards: each comes once before any comes again.
"""
import argparse
import random

LIFE = ["kill", "stop", "bounce", "full", "damage"]         # one of these in an episode
AROUND = ["cut_one", "cut_peer", "cut_all", "cut_client", "slow", "clock", "lossy", "reset", "unplug"]
WHOLE = ["power", "rolling", "back_owner", "back_leader"]   # nothing else in an episode but these:
CLIENT = ["client_cut", "rekey_child", "rekey_ike"]
ALL = LIFE + AROUND + WHOLE + CLIENT


def kinds(text):
    some = text.split(",")
    if not set(some) <= set(ALL):
        raise ValueError
    return some


class Plan:
    def __init__(self, seed, brisk, kinds):
        self.r = random.Random(seed)
        self.brisk, self.kinds = brisk, kinds
        self.deck = []
        self.lines = []

    def draw(self, fits):
        """The next card of the deck that fits."""
        if not any(map(fits, self.deck)):
            fresh = self.kinds[:] if any(map(fits, self.kinds)) else []
            self.r.shuffle(fresh)
            self.deck += fresh
        for i, kind in enumerate(self.deck):
            if fits(kind):
                return self.deck.pop(i)
        return None

    def ms(self, low, high):
        """A time; long ones are rare, and in a brisk plan there are none."""
        high = min(high, 2200) if self.brisk else high
        return int(low + (high - low) * self.r.random() ** 2)

    def at(self, ms, *words):
        self.lines.append((ms, len(self.lines), " ".join(map(str, words))))

    def offsets(self):
        """Where a new process's monotonic and boot-time clocks stand, in s."""
        return "%d %d" % (self.r.randrange(0, 5000000), self.r.randrange(0, 5000000))

    def fault(self, kind, begin):
        r, ms = self.r, self.ms
        if kind == "kill":
            return begin, "", begin + ms(200, 5000), self.offsets()
        if kind == "bounce":
            return begin, "", begin + r.choice((1, 30, 100, 200)), self.offsets()
        if kind == "stop":
            return begin, "", begin + ms(100, 7000), ""
        if kind == "full":
            return begin, "", begin + ms(2500, 6000), self.offsets()
        if kind == "damage":
            return begin, "%s %d" % (r.choice(("bit", "bit", "bits", "meta", "half", "empty")), r.getrandbits(30)), \
                begin + 1800, self.offsets()
        if kind == "power":
            return begin, "", begin + ms(300, 4000), self.offsets()
        if kind == "rolling":
            return begin, self.offsets(), None, ""
        if kind in ("back_owner", "back_leader"):
            return begin, "%s %s" % (kind[5:], r.choice(("stop", "cut"))), None, ""
        way = r.choice(("in", "out"))
        if kind == "cut_one":
            return begin, "ctl %s all" % way, begin + ms(300, 6000), ""
        if kind == "cut_peer":
            return begin, "ctl %s peer" % r.choice((way, "both")), begin + ms(300, 6000), ""
        if kind == "cut_all":
            return begin, "ctl both all", begin + ms(300, 6000), ""
        if kind == "cut_client":
            return begin, "wan %s all" % r.choice((way, "both")), begin + ms(300, 3000), ""
        if kind == "slow":
            return begin, str(r.choice((20, 80, 200, 500))), begin + ms(1000, 8000), ""
        if kind == "clock":
            step = r.choice((1, -1)) * r.choice((250, 3000, 60000, 3600000, 86400000))
            return begin, str(step), begin + ms(800, 8000), ""
        if kind == "lossy":
            return begin, str(r.choice((3, 10, 25))), begin + ms(800, 6000), ""
        if kind == "reset":
            return begin, "", begin + r.choice((100, 300, 800)), ""
        if kind == "unplug":
            return begin, r.choice(("ctl", "wan", "lan")), begin + ms(300, 3000), ""
        if kind == "client_cut":
            return begin, "%s %s" % (r.choice(("cl", "cl2")), r.choice((way, "both"))), begin + ms(300, 3000), ""
        return begin, "%s" % r.choice(("cl", "cl2")), None, ""

    def episode(self):
        r = self.r
        first = self.draw(lambda k: True)
        kinds = [first]
        for _ in range(r.choice((0, 1, 1, 2))):
            kind = self.draw(lambda k: k in CLIENT and k not in kinds or
                             k in AROUND and first not in WHOLE and k not in kinds or
                             k in LIFE and first not in WHOLE and not set(kinds) & set(LIFE))
            kinds += [kind] if kind else []
        role = r.choice(("owner", "owner", "owner", "leader", "leader", "n1", "n2", "n3"))
        self.lines = []
        self.at(0, "episode", role, "+".join(kinds))
        end = 0
        for i, kind in enumerate(kinds):
            begin = 0 if i == 0 else self.ms(0, 2500)
            begin, args, until, more = self.fault(kind, begin)
            verb, name = kind.split("_")[0] + "_begin", "f%d" % i
            if kind.startswith("cut_") or kind.startswith("client_"):
                args = name + " " + args
            elif kind.startswith("rekey_"):
                verb, args = "rekey", kind[6:] + " " + args
            self.at(begin, verb, args)
            if until is not None:
                more = name if kind.startswith(("cut_", "client_")) else more
                self.at(until, kind.split("_")[0] + "_end", more)
            end = max(end, until or begin)
        # Recorded ESP: soon after the first fault (a successor may be new), and at any time.
        soon = r.choice((150, 250, 350, 600))
        self.at(soon, "inject", 150)
        self.at(r.randrange(0, end + 1), "inject", r.choice((50, 400)))
        end = max(end, soon)
        self.at(end + 1, "settle", "")
        for ms, _, text in sorted(self.lines):
            print(ms, text)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("seed", type=int)
    p.add_argument("--brisk", action="store_true", help="short faults")
    p.add_argument("--episodes", type=int, default=10)
    p.add_argument("--kinds", type=kinds, default=ALL, help="only these")
    args = p.parse_args()
    plan = Plan(args.seed, args.brisk, args.kinds)
    for _ in range(args.episodes):
        plan.episode()


if __name__ == "__main__":
    main()
