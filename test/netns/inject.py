#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Put recorded ESP back on the wire: every ESP frame of a capture is sent once
more out of an interface, to the given MAC address.

    inject.py CAPTURE INTERFACE MAC [--rate 20000]
"""
import argparse
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from observe import frames      # noqa: E402


def is_esp(data):
    if len(data) < 42 or data[12:14] != b"\x08\x00":
        return False
    ip = data[14:]
    body = ip[(ip[0] & 15) * 4:]
    if ip[9] == 50:
        return True
    return ip[9] == 17 and 4500 in struct.unpack(">HH", body[:4]) and len(body) > 24 and body[8:12] != bytes(4)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("capture")
    p.add_argument("interface")
    p.add_argument("mac")
    p.add_argument("--rate", type=float, default=20000)
    a = p.parse_args()
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((a.interface, 0))
    mac = bytes.fromhex(a.mac.replace(":", ""))
    begin, n = time.time(), 0
    for _, data in frames(a.capture):
        if not is_esp(data):
            continue
        while n / a.rate > time.time() - begin:
            time.sleep(0.001)
        try:
            s.send(mac + data[6:])
            n += 1
        except OSError:
            time.sleep(0.001)
    print("injected %d" % n)
    return 0 if n else 1


if __name__ == "__main__":
    sys.exit(main())
