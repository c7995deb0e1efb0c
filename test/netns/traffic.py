#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic that records its own fate.

    traffic.py server --out F             in the protected network
    traffic.py ping ADDR | udp ADDR       numbered packets at --rate for --secs
    traffic.py down|up|rr ADDR            one TCP download, upload, or request and answer

Every packet of "ping" and "udp" carries a unique number, so that a loss and a
repetition are seen as such. The TCP modes are closed loops: they come back only
if the network does by itself. Results are JSON in --out, times in unix ms;
a run can be ended early by SIGTERM or SIGINT and still writes its result.
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

UDP_ECHO, TCP_DOWN, TCP_UP, TCP_RR = 7000, 7001, 7002, 7003
stop = threading.Event()


def ms(t):
    return None if t is None else round(t * 1000, 1)


def write(path, obj):
    tmp = path + ".tmp"
    with open(tmp, "w") as f:
        json.dump(obj, f)
        f.write("\n")
    os.rename(tmp, path)


# ---- server ----------------------------------------------------------------

class Delivered:
    """The server's UDP packets: numbers per run, and every repetition."""

    def __init__(self):
        self.seen = {}
        self.repeated = []

    def add(self, run, n):
        numbers = self.seen.setdefault(run, set())
        if n in numbers:
            self.repeated.append([run, n, ms(time.time())])
        numbers.add(n)

    def report(self):
        return {"udp": {run: len(s) for run, s in self.seen.items()}, "repeated": self.repeated}


def serve_udp(delivered):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind(("", UDP_ECHO))
    s.settimeout(0.2)
    while not stop.is_set():
        try:
            data, peer = s.recvfrom(65536)
        except socket.timeout:
            continue
        if len(data) >= 16:
            delivered.add(data[8:16].hex(), struct.unpack(">Q", data[:8])[0])
            try:
                s.sendto(data, peer)
            except OSError:
                pass


def serve_tcp(port, talk):
    def one(c):
        try:
            talk(c)
        except OSError:
            pass
        finally:
            c.close()

    s = socket.create_server(("", port))
    while not stop.is_set():
        c, _ = s.accept()
        threading.Thread(target=one, args=(c,), daemon=True).start()


def talk_down(c):
    block = bytes(65536)
    while not stop.is_set():
        c.sendall(block)


def talk_up(c):
    """Every 100 ms tells how much has arrived, so the client sees progress, not its own buffer."""
    total, told = 0, 0.0
    c.settimeout(0.1)
    while not stop.is_set():
        try:
            data = c.recv(65536)
            if not data:
                return
            total += len(data)
        except socket.timeout:
            pass
        if time.time() - told >= 0.1:
            told = time.time()
            c.settimeout(None)
            c.sendall(struct.pack(">Q", total))
            c.settimeout(0.1)


def talk_rr(c):
    while True:
        data = c.recv(64)
        if not data:
            return
        c.sendall(data)


def server(args):
    delivered = Delivered()
    for target, a in ((serve_udp, (delivered,)), (serve_tcp, (TCP_DOWN, talk_down)),
                      (serve_tcp, (TCP_UP, talk_up)), (serve_tcp, (TCP_RR, talk_rr))):
        threading.Thread(target=target, args=a, daemon=True).start()
    time.sleep(0.2)
    print("listening", flush=True)
    while not stop.wait(0.2):
        pass
    time.sleep(0.3)
    write(args.out, delivered.report())


# ---- numbered packets ------------------------------------------------------

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


class Pinger:
    def __init__(self, addr):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.sock.connect((addr, 0))
        self.ident = os.getpid() & 0xffff

    def send(self, payload, n):
        head = struct.pack(">BBHHH", 8, 0, 0, self.ident, n & 0xffff)
        c = checksum(head + payload)
        self.sock.send(head[:2] + struct.pack(">H", c) + head[4:] + payload)

    def payload(self, data):
        icmp = data[(data[0] & 15) * 4:]
        if len(icmp) < 8 or icmp[0] != 0 or struct.unpack(">H", icmp[4:6])[0] != self.ident:
            return b""
        return icmp[8:]


class Datagrams:
    def __init__(self, addr):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((addr, UDP_ECHO))

    def send(self, payload, _):
        self.sock.send(payload)

    def payload(self, data):
        return data


class Count:
    """Sent and answered, by number; the longest silence between two answers."""

    def __init__(self, rows):
        self.rows = rows
        self.sent = {} if rows else None
        self.answered = {} if rows else set()
        self.sent_count = self.duplicates = self.errors = 0
        self.last = self.gap_from = self.gap_to = None
        self.gap = 0.0

    def on_send(self, n, t):
        self.sent_count += 1
        if self.rows:
            self.sent[n] = t

    def on_answer(self, n, t):
        if n in self.answered:
            self.duplicates += 1
            return
        if self.rows:
            self.answered[n] = t
        else:
            self.answered.add(n)
        if self.last is not None and t - self.last > self.gap:
            self.gap, self.gap_from, self.gap_to = t - self.last, self.last, t
        self.last = t

    def report(self):
        r = {"sent": self.sent_count, "answered": len(self.answered),
             "lost": self.sent_count - len(self.answered), "duplicates": self.duplicates,
             "send_errors": self.errors, "gap_ms": ms(self.gap), "gap_from_ms": ms(self.gap_from),
             "gap_to_ms": ms(self.gap_to), "last_answer_ms": ms(self.last)}
        if self.rows:
            r["rows"] = [[n, ms(t), ms(self.answered.get(n))] for n, t in self.sent.items()]
        return r


def numbered(args, face):
    run = os.urandom(8)
    count = Count(not args.no_rows)
    sock, pad = face.sock, bytes(max(0, args.size - 16))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setblocking(False)

    def drain(timeout):
        if not select.select([sock], [], [], max(0, timeout))[0]:
            return
        for _ in range(256):
            try:
                data = face.payload(sock.recv(65536))
            except OSError:         # nothing more, or an ICMP error for an earlier packet
                return
            if len(data) >= 16 and data[8:16] == run:
                count.on_answer(struct.unpack(">Q", data[:8])[0], time.time())

    begin, n, written_off = time.time(), 0, 0
    limit = args.count or int(args.rate * args.secs)
    while n < limit and not stop.is_set():
        due = begin + n / args.rate
        now = time.time()
        if now < due:
            drain(due - now)
            continue
        if args.window and n - len(count.answered) - written_off >= args.window:
            before = len(count.answered)
            drain(0.2)
            if len(count.answered) == before:   # what is not answered by now is lost
                written_off = n - len(count.answered)
            continue
        try:
            face.send(struct.pack(">Q", n) + run + pad, n)
        except OSError:
            count.errors += 1
        count.on_send(n, time.time())
        n += 1
        if n % 16 == 0:
            drain(0)
    end = time.time() + args.linger
    while time.time() < end and len(count.answered) < count.sent_count:
        drain(0.05)
    write(args.out, dict(count.report(), mode=args.mode, rate=args.rate, run=run.hex()))


# ---- closed loops ----------------------------------------------------------

class Progress:
    """Times at which something new arrived; the longest stall between two."""

    def __init__(self):
        self.begin = self.last = time.time()
        self.stall, self.stall_from, self.total = 0.0, None, 0

    def more(self, amount):
        now = time.time()
        if now - self.last > self.stall:
            self.stall, self.stall_from = now - self.last, self.last
        self.last, self.total = now, self.total + amount

    def report(self, error):
        end = time.time()
        if end - self.last > self.stall:
            self.stall, self.stall_from = end - self.last, self.last
        return {"total": self.total, "secs": round(end - self.begin, 2), "stall_ms": ms(self.stall),
                "stall_from_ms": ms(self.stall_from), "silent_at_end_ms": ms(end - self.last),
                "error": error}


def closed_loop(args, port, talk):
    progress, error = Progress(), None
    try:
        s = socket.create_connection((args.addr, port), timeout=10)
        progress = Progress()
        s.settimeout(0.1)
        talk(s, progress, time.time() + args.secs)
    except OSError as e:
        error = str(e)
    write(args.out, dict(progress.report(error), mode=args.mode))


def loop_down(s, progress, end):
    while time.time() < end and not stop.is_set():
        try:
            data = s.recv(1 << 16)
        except socket.timeout:
            continue
        if not data:
            raise OSError("closed by the server")
        progress.more(len(data))


def loop_up(s, progress, end):
    block, told, buf = bytes(16384), 0, b""
    s.setblocking(False)
    while time.time() < end and not stop.is_set():
        readable, writable, _ = select.select([s], [s], [], 0.1)
        if readable:
            data = s.recv(4096)
            if not data:
                raise OSError("closed by the server")
            buf += data
            while len(buf) >= 8:
                total, buf = struct.unpack(">Q", buf[:8])[0], buf[8:]
                if total > told:
                    progress.more(total - told)
                    told = total
        if writable:
            try:
                s.send(block)
            except BlockingIOError:
                pass
        else:
            time.sleep(0.001)


def loop_rr(s, progress, end):
    n = 0
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while time.time() < end and not stop.is_set():
        request = struct.pack(">Q", n)
        s.sendall(request)
        answer = b""
        while len(answer) < 8 and time.time() < end and not stop.is_set():
            try:
                data = s.recv(8 - len(answer))
            except socket.timeout:
                continue
            if not data:
                raise OSError("closed by the server")
            answer += data
        if answer == request:
            progress.more(1)
        elif len(answer) == 8:
            raise OSError("wrong answer")
        n += 1
        time.sleep(0.005)


def main():
    p = argparse.ArgumentParser(description="numbered traffic")
    p.add_argument("mode", choices=("server", "ping", "udp", "down", "up", "rr"))
    p.add_argument("addr", nargs="?")
    p.add_argument("--out", required=True)
    p.add_argument("--rate", type=float, default=125.0)
    p.add_argument("--secs", type=float, default=10.0)
    p.add_argument("--count", type=int, default=0)
    p.add_argument("--size", type=int, default=56)
    p.add_argument("--linger", type=float, default=1.0)
    p.add_argument("--window", type=int, default=0, help="at most so many without an answer; 0: any number")
    p.add_argument("--no-rows", action="store_true", help="totals only")
    args = p.parse_args()
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.set())
    if args.mode == "server":
        server(args)
    elif args.addr is None:
        p.error("an address, please")
    elif args.mode == "ping":
        numbered(args, Pinger(args.addr))
    elif args.mode == "udp":
        numbered(args, Datagrams(args.addr))
    else:
        port, talk = {"down": (TCP_DOWN, loop_down), "up": (TCP_UP, loop_up), "rr": (TCP_RR, loop_rr)}[args.mode]
        closed_loop(args, port, talk)
    return 0


if __name__ == "__main__":
    sys.exit(main())
