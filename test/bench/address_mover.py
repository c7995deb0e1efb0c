#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Moves addresses to this namespace and announces them, when it is time: what
keepalived or an operator's script does for a gateway that does not do it itself.

    address_mover.py --from NETNS --log FILE --when TEXT ADDR/LEN@DEV ...

Waits until a line with TEXT is appended to FILE (polled every millisecond), or,
without --log, for a line on its standard input. Then the addresses are taken
from the namespace NETNS, whose kernel lives on, added here, and announced by
gratuitous ARP three times. Prints the time in unix microseconds of each step.
"""
import argparse
import socket
import subprocess
import sys
import time


def announcer(dev):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((dev, 0x0806))
    mac = s.getsockname()[4]

    def announce(addr):
        a = socket.inet_aton(addr)
        for op in (b"\0\1", b"\0\2"):
            s.send(b"\xff" * 6 + mac + b"\x08\x06" + b"\0\1\x08\0\6\4" + op + mac + a + (
                b"\0" * 6 if op == b"\0\1" else b"\xff" * 6) + a)
    return announce


def wait_for(log, text):
    if not log:
        sys.stdin.readline()
        return
    with open(log, errors="replace") as f:
        f.seek(0, 2)
        rest = ""
        while True:
            rest += f.read()
            if text in rest:
                return
            rest = rest[-4096:]
            time.sleep(0.001)


def stamp(what):
    print(what, int(time.time() * 1e6), flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--from", dest="source", required=True)
    p.add_argument("--log")
    p.add_argument("--when", default="")
    p.add_argument("address", nargs="+")
    a = p.parse_args()
    moves = [m.split("@") for m in a.address]
    announce = {dev: announcer(dev) for _, dev in moves}
    stamp("waiting")
    wait_for(a.log, a.when)
    stamp("triggered")
    # One process for each side, not one for each address: this is in the gap.
    take = "".join("addr del %s dev %s\n" % (addr, dev) for addr, dev in moves)
    add = "".join("addr add %s dev %s\n" % (addr, dev) for addr, dev in moves)
    subprocess.run(["ip", "-force", "-n", a.source, "-batch", "-"], input=take, text=True, check=False)
    subprocess.run(["ip", "-force", "-batch", "-"], input=add, text=True, check=True)
    for i in range(3):
        for addr, dev in moves:
            announce[dev](addr.split("/")[0])
        if i == 0:
            stamp("moved")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
