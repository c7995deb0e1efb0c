#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic that goes on for a whole chaos run, and reports its progress meanwhile.

    chaos_traffic.py server                   echo and a slow download
    chaos_traffic.py udp|loop|down ADDR --out F [--rate N]

udp   numbered datagrams at a rate, whether they are answered or not
loop  a closed loop: the next one leaves when the last was answered, or 0.5 s later
down  one TCP connection; the server sends numbered blocks at a rate

Every 100 ms F is replaced by {"last_ms", "answered", "sent", "repeated", "error",
"gaps"}; a gap is [from, to] in unix ms, 200 ms or longer, without an answer. SIGTERM ends it.
"""
import argparse
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

UDP_ECHO, TCP_DOWN = 7010, 7011
BLOCK = 1000
stop = threading.Event()


class Progress:
    def __init__(self, path):
        self.path, self.told = path, 0.0
        self.last = self.begin = time.time()
        self.sent = self.repeated = 0
        self.seen, self.answered, self.gaps, self.error = set(), 0, [], None

    def answer(self, n):
        now = time.time()
        if n in self.seen:
            self.repeated += 1
            return
        self.seen.add(n)
        self.answered += 1
        if now - self.last >= 0.2:
            self.gaps.append([round(self.last * 1000), round(now * 1000)])
        self.last = now

    def tell(self, force=False):
        now = time.time()
        if now - self.told < 0.1 and not force:
            return
        self.told = now
        with open(self.path + ".tmp", "w") as f:
            json.dump({"last_ms": round(self.last * 1000), "answered": self.answered, "sent": self.sent,
                       "repeated": self.repeated, "error": self.error,
                       "gaps": self.gaps + ([[round(self.last * 1000), round(now * 1000)]] if force else [])}, f)
        os.rename(self.path + ".tmp", self.path)


def serve_udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", UDP_ECHO))
    s.settimeout(0.2)
    while not stop.is_set():
        try:
            data, peer = s.recvfrom(2048)
            s.sendto(data, peer)
        except OSError:
            pass


def serve_down(c, rate):
    n, due = 0, time.time()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
    try:
        while not stop.is_set():
            c.sendall(struct.pack(">Q", n) + bytes(BLOCK - 8))
            n += 1
            due = max(due + 1 / rate, time.time() - 0.1)
            stop.wait(max(0, due - time.time()))
    except OSError:
        pass
    c.close()


def server(args):
    threading.Thread(target=serve_udp, daemon=True).start()
    s = socket.create_server(("", TCP_DOWN))
    s.settimeout(0.2)
    print("listening", flush=True)
    while not stop.is_set():
        try:
            c, _ = s.accept()
        except OSError:
            continue
        threading.Thread(target=serve_down, args=(c, args.rate), daemon=True).start()


def datagrams(args, p):
    """Open or closed loop; each datagram is a number that no other carries."""
    run = os.urandom(8)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((args.addr, UDP_ECHO))
    s.setblocking(False)
    due = time.time()
    while not stop.is_set():
        now = time.time()
        if now >= due:
            try:
                s.send(struct.pack(">Q", p.sent) + run + bytes(40))
            except OSError:
                pass
            p.sent += 1
            # What could not be sent in time is not sent in a heap later.
            due = now + 0.5 if args.mode == "loop" else max(due + 1 / args.rate, now - 0.1)
        if select.select([s], [], [], min(0.05, max(0, due - time.time())))[0]:
            try:
                data = s.recv(2048)
            except OSError:
                continue
            if data[8:16] == run:
                n = struct.unpack(">Q", data[:8])[0]
                p.answer(n)
                if args.mode == "loop" and n == p.sent - 1:
                    due = time.time() + 1 / args.rate
        p.tell()


def download(args, p):
    s = socket.create_connection((args.addr, TCP_DOWN), timeout=20)
    s.settimeout(0.1)
    buf = b""
    while not stop.is_set():
        p.tell()
        try:
            data = s.recv(65536)
        except socket.timeout:
            continue
        if not data:
            raise OSError("closed by the server")
        buf += data
        while len(buf) >= BLOCK:
            if struct.unpack(">Q", buf[:8])[0] != p.sent:
                raise OSError("block %d is not the next" % p.sent)
            p.answer(p.sent)
            p.sent += 1
            buf = buf[BLOCK:]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("mode", choices=("server", "udp", "loop", "down"))
    a.add_argument("addr", nargs="?")
    a.add_argument("--out")
    a.add_argument("--rate", type=float, default=40)
    args = a.parse_args()
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.set())
    if args.mode == "server":
        server(args)
        return 0
    p = Progress(args.out)
    try:
        (download if args.mode == "down" else datagrams)(args, p)
    except OSError as e:
        p.error = str(e)
    p.tell(True)
    return 1 if p.error else 0


if __name__ == "__main__":
    sys.exit(main())
