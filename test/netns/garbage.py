#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Noise: random and nearly right datagrams to UDP 500, 4500 and protocol 50 of an
address, random bytes to TCP ports (--tcp ADDR:PORT), for --secs. Seeded."""
import argparse
import random
import socket
import struct
import sys
import time


def ike(r):
    body = r.randbytes(r.randrange(0, 400))
    kind = r.choice([0, 33, 34, 46, 53, r.randrange(256)])
    head = r.randbytes(8) + r.choice([bytes(8), r.randbytes(8)])
    head += struct.pack(">BBBBI", kind, r.choice([0x20, 0x10, 0x21]), r.choice([34, 35, 36, 37, r.randrange(256)]),
                        r.choice([0, 8, 0x20, 0x28, r.randrange(256)]), r.choice([0, 1, 2, r.randrange(1 << 32)]))
    size = r.choice([28 + len(body), r.randrange(1 << 16)])
    return head + struct.pack(">I", size) + body


def main():
    p = argparse.ArgumentParser()
    p.add_argument("addr", nargs="?")
    p.add_argument("--tcp", action="append", default=[])
    p.add_argument("--secs", type=float, default=2)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    r = random.Random(a.seed)
    end, sent = time.time() + a.secs, 0
    if a.addr:
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        e = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
        while time.time() < end:
            noise = r.randbytes(r.randrange(1, 600))
            for s, data, port in ((u, noise, 500), (u, ike(r), 500), (u, noise, 4500), (u, bytes(4) + ike(r), 4500),
                                  (u, b"\xff", 4500), (e, noise, 0)):
                try:
                    s.sendto(data, (a.addr, port))
                    sent += 1
                except OSError:
                    pass
            time.sleep(0.002)
    for where in a.tcp:
        host, port = where.rsplit(":", 1)
        end = time.time() + a.secs
        while time.time() < end:
            try:
                with socket.create_connection((host, int(port)), timeout=1) as s:
                    s.sendall(r.randbytes(r.randrange(1, 2000)))
                    sent += 1
            except OSError:
                pass
            time.sleep(0.02)
    print("sent %d" % sent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
