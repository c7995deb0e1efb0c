#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Follow a capture that is being written, and put the ESP of its last seconds back
on the wire whenever a line on the standard input asks for it: "COUNT MAC...", or "quit".

    chaos_inject.py CAPTURE INTERFACE

At the end of the input the number of injected packets is printed.
"""
import collections
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import is_esp       # noqa: E402

RATE = 3000


class Tail:
    """The newest ESP frames of a classic pcap file of this machine's byte order."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.rest, self.at = b"", 24
        self.frames = collections.deque(maxlen=2000)

    def read(self):
        while True:
            self.file.seek(self.at)
            data = self.file.read(1 << 20)
            done = 0
            while len(data) - done >= 16:
                size = struct.unpack("=IIII", data[done:done + 16])[2]
                if len(data) - done < 16 + size:
                    break
                frame = data[done + 16:done + 16 + size]
                if is_esp(frame):
                    self.frames.append(frame)
                done += 16 + size
            self.at += done
            if done == 0:
                return


def main():
    tail = Tail(sys.argv[1])
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((sys.argv[2], 0))
    sent = 0
    while True:
        ready = select.select([sys.stdin], [], [], 0.2)[0]
        tail.read()
        if not ready:
            continue
        line = os.read(0, 4096).decode()
        if not line:
            break
        if "quit" in line:
            break
        for words in (x.split() for x in line.splitlines()):
            for frame in list(tail.frames)[-int(words[0]):]:
                for mac in words[1:]:
                    try:
                        s.send(bytes.fromhex(mac.replace(":", "")) + frame[6:])
                        sent += 1
                    except OSError:
                        pass
                    time.sleep(1 / RATE)
    print("injected %d" % sent)


if __name__ == "__main__":
    main()
