#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A kernel's IPsec in a process, for an IKE daemon that preload.c brings here.

    kernel.py SOCKET TUN        in the daemon's network namespace, as root

Answers XFRM's netlink and PF_KEY at SOCKET, and carries the packets: those that routing gives to the
device TUN leave as ESP, as IP protocol 50 or in UDP; ESP that comes is taken from raw sockets, which
get a copy of what the real kernel gets, and goes to TUN. A line for each packet that is dropped.
At SIGUSR1 the soft lifetime of the SA that packets leave by is over, and whom PF_KEY serves is told.
The device has no IPv6 and takes no fragments."""
import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys

from database import OUT, Database
from esp import EspError
from pfkey import PfKey, expire
from xfrm import Xfrm

TABLE = "50"
MTU = 1400


def ip(*args, check=True):
    subprocess.run(["ip", *args], check=check)


def tun_open(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1001))     # TUNSETIFF: TUN, NO_PI
    ip("link", "set", name, "mtu", str(MTU), "up")
    # An interface that loses its last address loses its routes. With this scope it is never chosen as a source.
    ip("addr", "add", "127.50.0.1/32", "scope", "host", "dev", name)
    ip("rule", "add", "pref", TABLE, "table", TABLE)
    return fd


def udp(src, dst, ports, payload):
    """With a checksum: RFC 3948 allows none, but the NAT of the test would adjust what is not there."""
    head = struct.pack(">HHH", *ports, 8 + len(payload))
    pseudo = src + dst + struct.pack(">BBH", 0, 17, 8 + len(payload)) + head + bytes(2) + payload
    words = struct.unpack(">%dH" % ((len(pseudo) + 1) // 2), pseudo + bytes(len(pseudo) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return head + struct.pack(">H", ~total & 0xffff or 0xffff) + payload


class Routes:
    """What is to be sealed goes by the device."""

    def __init__(self, name):
        self.name, self.now = name, set()

    def __call__(self, wanted):
        for verb, which in (("del", self.now - wanted), ("replace", wanted - self.now)):
            for address, bits in which:
                ip("route", verb, "%s/%d" % (socket.inet_ntoa(address), bits), "dev", self.name, "table", TABLE, check=False)
        self.now = wanted


class Kernel:
    def __init__(self, path, tun):
        self.tun = tun_open(tun)
        self.db = Database(Routes(tun))
        self.xfrm, self.pfkey = Xfrm(self.db), PfKey(self.db)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_UDP)
        self.esp = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ESP)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(16)
        self.pfkey_peers = set()
        os.chmod(path, 0o666)

    def accept(self, events):
        conn = self.listener.accept()[0]
        events.register(conn, selectors.EVENT_READ, lambda: self.request(conn, events))

    def request(self, conn, events):
        try:
            message = conn.recv(65536)
        except ConnectionResetError:
            message = b""
        if not message:
            events.unregister(conn)
            self.pfkey_peers.discard(conn)
            conn.close()
            return
        # Netlink begins with its length, PF_KEY with its version, 2, and a type.
        netlink = struct.unpack("=I", message[:4])[0] == len(message)
        if not netlink:
            self.pfkey_peers.add(conn)
        try:
            conn.send((self.xfrm if netlink else self.pfkey).answer(message))
        except (BrokenPipeError, ConnectionResetError):
            pass    # The next read shows that a process was killed.
        except (IndexError, KeyError, ValueError, struct.error) as why:
            print("cannot read %s: %r" % (message.hex(), why))
            events.unregister(conn)
            conn.close()

    def grows_old(self):
        self.wake.recv(64)
        tunnels = {p.tunnel for (d, *_), p in self.db.policies.items() if d == OUT and p.protects}
        for sa in [s for s in self.db.sas.values() if s.esp and (s.src, s.dst) in tunnels][-1:]:
            for conn in self.pfkey_peers:
                conn.send(expire(sa))

    def leaves(self):
        try:
            inner = os.read(self.tun, 65536)
        except BlockingIOError:
            return
        if inner[0] >> 4 != 4:
            return
        found = self.db.outbound(inner)
        if found is None:
            print("no SA for a packet to %s" % socket.inet_ntoa(inner[16:20]))
            return
        sa, packet = found
        proto = 50
        if sa.ports:
            proto, packet = 17, udp(sa.src, sa.dst, sa.ports, packet)
        head = struct.pack(">BBHHHBBH4s4s", 0x45, inner[1], 20 + len(packet), 0, 0, 64, proto, 0, sa.src, sa.dst)
        try:
            self.out.sendto(head + packet, (socket.inet_ntoa(sa.dst), 0))
        except OSError as why:
            print("to %s: %s" % (socket.inet_ntoa(sa.dst), why))

    def comes(self, raw, in_udp):
        try:
            data = raw.recv(65536)
        except BlockingIOError:
            return
        packet = data[(data[0] & 15) * 4:]
        if in_udp:
            # IKE has four octets of zero before it, a keepalive is one octet long; port 500 is all IKE.
            sport, dport = struct.unpack(">HH", packet[:4])
            packet = packet[8:]
            if len(packet) < 8 or packet[:4] == bytes(4) or 500 in (sport, dport):
                return
        try:
            inner = self.db.inbound(data[16:20], packet, in_udp)
        except EspError as why:
            print("from %s: %s" % (socket.inet_ntoa(data[12:16]), why))
            return
        if inner is not None:
            os.write(self.tun, inner)

    def run(self):
        events = selectors.DefaultSelector()
        events.register(self.listener, selectors.EVENT_READ, lambda: self.accept(events))
        events.register(self.tun, selectors.EVENT_READ, self.leaves)
        events.register(self.udp, selectors.EVENT_READ, lambda: self.comes(self.udp, True))
        events.register(self.esp, selectors.EVENT_READ, lambda: self.comes(self.esp, False))
        self.wake, signalled = socket.socketpair()
        for end in self.wake, signalled:
            end.setblocking(False)
        signal.set_wakeup_fd(signalled.fileno())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        events.register(self.wake, selectors.EVENT_READ, self.grows_old)
        print("ready")
        while True:
            for key, _ in events.select():
                key.data()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    Kernel(*sys.argv[1:3]).run()
