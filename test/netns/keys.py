#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Finds the keys of a run, also where they must not be.

    keys.py CHARON.LOG PSKFILE        the PSK, SK_* and ESP keys of a log at level 4, as hex
    keys.py --binary KEYS             the first key, as octets
    keys.py --search KEYS PATH...     exit 0 if a key is found, as octets or as hex
"""
import os
import re
import sys

HEAD = re.compile(r"(Sk_[a-z]+ secret|encryption (?:initiator|responder) key|integrity (?:initiator|responder) key|"
                  r"shared Diffie Hellman secret|SKEYSEED) => (\d+) bytes")
ROW = re.compile(r"\[[A-Z]+\]\s+\d+: ((?:[0-9A-F]{2} )+)")


def from_log(path):
    keys, want, got = {}, 0, b""
    with open(path, errors="replace") as f:
        for line in f:
            head = HEAD.search(line)
            if head:
                want, got = int(head.group(2)), b""
                continue
            row = ROW.search(line)
            if want and row:
                got += bytes.fromhex(row.group(1))
                if len(got) >= want:
                    keys[got[:want]] = True
                    want = 0
            elif want:
                want = 0
    return keys


def files(paths):
    for path in paths:
        if os.path.isdir(path):
            for top, _, names in os.walk(path):
                for name in names:
                    yield os.path.join(top, name)
        else:
            yield path


def search(keys, paths):
    found = 0
    for path in files(paths):
        with open(path, "rb") as f:
            data = f.read()
        for key in keys:
            # GCM keys are logged with their salt: the first 16 octets are enough.
            for form in (key[:16], key[:16].hex().encode(), key[:16].hex().upper().encode()):
                if form in data:
                    print("%s: a key of %d octets is in it" % (path, len(key)))
                    found += 1
                    break
    return found


def main():
    if sys.argv[1] in ("--binary", "--search"):
        with open(sys.argv[2]) as f:
            keys = [bytes.fromhex(line) for line in f.read().split()]
        if sys.argv[1] == "--binary":
            sys.stdout.buffer.write(keys[0])
            return 0
        return 0 if search(keys, sys.argv[3:]) else 1
    keys = from_log(sys.argv[1])
    with open(sys.argv[2], "rb") as f:
        keys[f.read().rstrip(b"\n")] = True
    for key in keys:
        if len(key) >= 16:
            print(key.hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
