#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small IKEv2 initiator that shares nothing with the code under test.

It does what stock clients leave out (ESN, raw ESP, any sequence number, any
message sent again) and sees what they hide: each sequence number, each message
ID. PSK, configuration payload, one Child SA and its rekey, IKE SA rekey, DELETE
and DPD in both directions. It is strict: a request with another message ID than
the next is not answered (a repeated one gets the same bytes again).

As a program it does the steps named in --do, in order, and prints the results:

    ikev2.py --local 10.79.0.50 --gateway 10.79.0.100 --id cl --psk-file F \\
        --esp aes128gcm16 --esn --raw --do ping:5,rekey-child,ping,rekey-ike,ping,delete
"""
import argparse
import collections
import hashlib
import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ikev2_wire as w          # noqa: E402
from esp import EspError, EspSa, Suite     # noqa: E402

IkeError = w.IkeError
Child = collections.namedtuple("Child", "incoming outgoing ts_i ts_r")


class IkeSa:
    """Keys and message IDs of one IKE SA; this side is always its initiator."""

    def __init__(self, suite, spi_i, spi_r, skeyseed, nonces):
        self.suite, self.spi_i, self.spi_r = suite, spi_i, spi_r
        p, a, e = suite.prf_len, suite.integ_len, suite.enc_len
        keys = w.plus(suite.hash, skeyseed, nonces + spi_i + spi_r, 3 * p + 2 * a + 2 * e)
        cut = []
        for size in (p, a, a, e, e, p, p):
            cut.append(keys[:size])
            keys = keys[size:]
        self.sk_d, ai, ar, ei, er, self.sk_pi, self.sk_pr = cut
        self.out, self.inn = w.Sealer(suite, ei, ai), w.Sealer(suite, er, ar)
        self.next_id = 0            # of our next request
        self.expect_id = 0          # of the peer's next request
        self.last_answer = None     # what we answered to expect_id - 1
        self.open = True


class Initiator:
    def __init__(self, local, gateway, ident, psk, **opt):
        self.local, self.gateway, self.ident, self.psk = local, gateway, ident, psk
        self.suite = w.IkeSuite(opt.get("ike", "aes128gcm16-prfsha256-x25519"))
        self.esp_suite = Suite(opt.get("esp", "aes128gcm16"))
        self.esn, self.raw = opt.get("esn", False), opt.get("raw", False)
        self.remote_id = opt.get("remote_id", "gw")
        self.remote_ts = opt.get("remote_ts", ["10.20.0.0/16"])
        self.timeout = opt.get("timeout", 10.0)
        self.guess_group = opt.get("guess_group")     # a KE group the peer may refuse
        self.addresses = opt.get("addresses")         # MOBIKE, with so many further addresses
        self.ike, self.old, self.child, self.children = None, [], None, {}
        self.address = self.dns = None
        self.trace = []         # (time, "out"/"in", exchange, flags, message ID, bytes)
        self.served = []        # the peer's requests that we have answered
        self.wrong_ids = self.bad_esp = self.cookies = self.ke_retries = self.retransmissions = 0
        self.inner = collections.deque()              # (seq, SPI, packet)
        self.numbers = []       # every ESP number that authenticated, in order
        self.closed = False
        self._pending = self._answer = None
        self._ports(opt.get("ports", (500, 4500)))

    def _ports(self, ports):
        self.socks, self.ports = [], ports
        for port in ports:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((self.local, port))
            self.socks.append(s)
        self.ike_sock, self.ike_port = self.socks[0], 500
        self.raw_sock = None
        if self.raw:
            self.raw_sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
            self.raw_sock.bind((self.local, 0))
        for s in self.socks + ([self.raw_sock] if self.raw_sock else []):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            s.setblocking(False)

    def close(self):
        for s in self.socks + ([self.raw_sock] if self.raw_sock else []):
            s.close()

    # ---- datagrams ------------------------------------------------------

    def send_ike(self, data):
        self.trace.append((time.time(), "out", data[18], data[19], struct.unpack(">I", data[20:24])[0], data))
        marker = b"\0\0\0\0" if self.ike_port == 4500 else b""
        self.ike_sock.sendto(marker + data, (self.gateway, self.ike_port))

    def send_esp(self, packet):
        if self.raw:
            self.raw_sock.sendto(packet, (self.gateway, 0))
        else:
            self.socks[1].sendto(packet, (self.gateway, 4500))

    def poll(self, timeout):
        """Take in what has come, waiting at most timeout seconds for the first."""
        socks = self.socks + ([self.raw_sock] if self.raw_sock else [])
        for s in select.select(socks, [], [], max(0, timeout))[0]:
            try:
                data = s.recv(65536)
            except OSError:
                continue
            if s is self.raw_sock:
                self._esp(data[(data[0] & 15) * 4:])
            elif s is self.socks[0]:
                self._ike(data)
            elif data[:4] == b"\0\0\0\0":
                self._ike(data[4:])
            elif len(data) > 1:
                self._esp(data)

    def _esp(self, packet):
        sa = self.children.get(struct.unpack(">I", packet[:4])[0]) if len(packet) >= 8 else None
        try:
            if sa is None:
                raise EspError("unknown SPI")
            seq, next_header, inner = sa.incoming.open(packet)
        except EspError:
            self.bad_esp += 1
            return
        self.numbers.append((sa.incoming.spi, seq))
        if next_header == 4:
            self.inner.append((seq, sa.incoming.spi, inner))

    def _ike(self, data):
        if len(data) < 28 or struct.unpack(">I", data[24:28])[0] != len(data):
            return
        exchange, flags, ident = data[18], data[19], struct.unpack(">I", data[20:24])[0]
        self.trace.append((time.time(), "in", exchange, flags, ident, data))
        if not flags & w.FLAG_R:
            self._serve(data, exchange, ident)
        elif self._pending and (data[:8], exchange, ident) == self._pending[:3]:
            sa = self._pending[3]
            if sa is None:
                self._answer = (data, w.unchain(data[16], data[28:]))
                return
            try:
                self._answer = (data, sa.inn.open(data))
            except IkeError:
                pass                # RFC 7296, 2.21: what does not authenticate is ignored

    def _serve(self, data, exchange, ident):
        """Answer a request of the peer."""
        sa = next((s for s in [self.ike] + self.old if s and data[:16] == s.spi_i + s.spi_r), None)
        if sa is None:
            return
        try:
            payloads = sa.inn.open(data)
        except IkeError:
            return
        if ident == sa.expect_id - 1 and sa.last_answer:
            self.send_ike(sa.last_answer)
            return
        if ident != sa.expect_id:
            self.wrong_ids += 1
            return
        answer = []
        if exchange == w.CREATE_CHILD_SA:
            answer = [w.notify(w.TEMPORARY_FAILURE)]
        deleted = []
        for body in [b for k, b in payloads if k == w.DELETE]:
            if body[0] == w.PROTO_IKE:
                sa.open = False
                deleted.append("ike")
                self.closed = self.closed or sa is self.ike
                continue
            for at in range(4, len(body), 4):
                answer += self._child_gone(body[at:at + 4])
                deleted.append(body[at:at + 4].hex())
        self.served.append({"time": time.time(), "id": ident, "exchange": exchange, "deleted": deleted,
                            "notifies": [(t, d.hex()) for t, d, _ in w.notifies(payloads)]})
        sa.expect_id += 1
        sa.last_answer = self._seal(sa, exchange, ident, answer, w.FLAG_R)
        self.send_ike(sa.last_answer)

    def _child_gone(self, peer_spi):
        """The peer deletes the SA that it receives on under peer_spi; ours goes with it."""
        for spi, child in list(self.children.items()):
            if struct.pack(">I", child.outgoing.spi) == peer_spi:
                del self.children[spi]
                if self.child is child:
                    self.child = None
                return [(w.DELETE, struct.pack(">BBHI", w.PROTO_ESP, 4, 1, spi))]
        return []

    @staticmethod
    def _seal(sa, exchange, ident, payloads, flags=0):
        head = w.header(sa.spi_i, sa.spi_r, w.SK, exchange, w.FLAG_I | flags, ident)
        return sa.out.seal(head, payloads[0][0] if payloads else 0, w.chain(payloads))

    # ---- exchanges ------------------------------------------------------

    def _exchange(self, message, sa):
        """Send until answered: (bytes, payloads)."""
        ident = struct.unpack(">I", message[20:24])[0]
        self._pending, self._answer = (message[:8], message[18], ident, sa), None
        end, wait = time.time() + self.timeout, 0.5
        again = 0
        while time.time() < end:
            if time.time() >= again:
                self.retransmissions += 1 if again else 0
                self.send_ike(message)
                again, wait = time.time() + wait, min(wait * 1.8, 4)
            self.poll(min(again, end) - time.time())
            if self._answer:
                answer, self._answer, self._pending = self._answer, None, None
                return answer
        self._pending = None
        raise IkeError("no answer to exchange %d, message ID %d" % (message[18], ident))

    def request(self, exchange, payloads, sa=None):
        sa = sa or self.ike
        message = self._seal(sa, exchange, sa.next_id, payloads)
        sa.next_id += 1
        return self._exchange(message, sa)[1]

    def _nat_hash(self, spi_r, addr, port):
        return hashlib.sha1(self.spi_i + spi_r + socket.inet_aton(addr) + struct.pack(">H", port)).digest()

    def sa_init(self):
        """IKE_SA_INIT, with COOKIE and INVALID_KE_PAYLOAD as often as the peer likes (4)."""
        self.spi_i, nonce, cookie = os.urandom(8), os.urandom(32), None
        dh = w.Dh(self.guess_group or self.suite.group)
        for _ in range(5):
            # To ask for UDP encapsulation without a NAT, a wrong source hash is given.
            source = self._nat_hash(bytes(8), self.local, self.ports[0]) if self.raw else os.urandom(20)
            payloads = ([w.notify(w.COOKIE, cookie)] if cookie else []) + [
                w.proposal(w.PROTO_IKE, b"", self.suite.transforms()), dh.payload(), (w.NONCE, nonce),
                w.notify(w.NAT_SOURCE, source),
                w.notify(w.NAT_DESTINATION, self._nat_hash(bytes(8), self.gateway, 500))]
            body = w.chain(payloads)
            message = w.header(self.spi_i, bytes(8), payloads[0][0], w.IKE_SA_INIT, w.FLAG_I, 0, 28 + len(body)) + body
            answer, got = self._exchange(message, None)
            note = {t: d for t, d, _ in w.notifies(got)}
            if w.COOKIE in note and not w.first(got, w.SA):
                cookie = note[w.COOKIE]
                self.cookies += 1
            elif w.INVALID_KE_PAYLOAD in note:
                dh = w.Dh(struct.unpack(">H", note[w.INVALID_KE_PAYLOAD])[0])
                self.ke_retries += 1
            else:
                break
        if not w.first(got, w.SA):
            n = w.error_notify(got)
            raise IkeError("IKE_SA_INIT refused: %s" % w.notify_text(n), n)
        chosen = w.parse_proposal(w.first(got, w.SA))[2]
        if sorted(chosen) != sorted(self.suite.transforms()):
            raise IkeError("IKE_SA_INIT chose what was not offered: %s" % chosen)
        nonce_r = w.first(got, w.NONCE)
        shared = dh.shared(w.first(got, w.KE))
        self.ike = IkeSa(self.suite, self.spi_i, answer[8:16], self.suite.prf(nonce + nonce_r, shared), nonce + nonce_r)
        self.ike.next_id = 1
        self.init_messages, self.nonces = (message, answer), (nonce, nonce_r)
        if not self.raw:
            self.ike_sock, self.ike_port = self.socks[1], 4500

    def _auth(self, message, nonce, sk_p, ident):
        s = self.suite
        return s.prf(s.prf(self.psk, b"Key Pad for IKEv2"), message + nonce + s.prf(sk_p, ident))

    def auth(self):
        """IKE_AUTH with PSK; afterwards address, child and dns are set."""
        sa, spi = self.ike, os.urandom(4)
        idi = struct.pack(">I", 2 << 24) + self.ident.encode()
        octets = self._auth(self.init_messages[0], self.nonces[1], sa.sk_pi, idi)
        got = self.request(w.IKE_AUTH, [
            (w.IDi, idi), (w.IDr, struct.pack(">I", 2 << 24) + self.remote_id.encode()),
            (w.AUTH, struct.pack(">I", 2 << 24) + octets),
            (w.CP, struct.pack(">I", 1 << 24) + struct.pack(">HHHH", 1, 0, 3, 0)),
            self._esp_proposal(spi), w.selectors(w.TSi, ["0.0.0.0/0"]), w.selectors(w.TSr, self.remote_ts)]
            + self._mobike())
        if not w.first(got, w.AUTH):
            n = w.error_notify(got)
            raise IkeError("IKE_AUTH refused: %s" % w.notify_text(n), n)
        expected = self._auth(self.init_messages[1], self.nonces[0], sa.sk_pr, w.first(got, w.IDr))
        if w.first(got, w.AUTH)[4:] != expected:
            raise IkeError("the gateway does not know the PSK")
        cp = w.parse_cp(w.first(got, w.CP)) if w.first(got, w.CP) else {}
        if 1 in cp:
            self.address = socket.inet_ntoa(cp[1][0][:4])
        self.dns = [socket.inet_ntoa(d) for d in cp.get(3, [])]
        self.child = self._child(spi, got, *self.nonces)

    def _mobike(self):
        """RFC 4555 3.6: one ADDITIONAL_IP4_ADDRESS for each, there is no limit."""
        if self.addresses is None:
            return []
        return [w.notify(w.ADDITIONAL_IP4_ADDRESS, struct.pack(">I", 0xc6120000 + n)) for n in range(self.addresses)] + [
            w.notify(w.MOBIKE_SUPPORTED)]

    def _esp_proposal(self, spi, group=None):
        s = self.esp_suite
        t = [(w.ENCR, s.encr, s.key_bits)] + ([] if s.aead else [(w.INTEG, 12, 0)])
        t += [(w.DH, group, 0)] if group else []
        return w.proposal(w.PROTO_ESP, spi, t + [(w.ESN, 1 if self.esn else 0, 0)])

    def _child(self, spi, got, nonce_i, nonce_r, shared=b""):
        if not w.first(got, w.SA):
            n = w.error_notify(got)
            raise IkeError("no Child SA: %s" % w.notify_text(n), n)
        _, spi_r, chosen = w.parse_proposal(w.first(got, w.SA))
        offered = w.parse_proposal(self._esp_proposal(spi)[1])[2]
        if sorted(t for t in chosen if t[0] != w.DH) != sorted(offered):
            raise IkeError("the Child SA chose what was not offered: %s" % chosen)
        s = self.esp_suite
        keys = w.plus(self.suite.hash, self.ike.sk_d, shared + nonce_i + nonce_r, 2 * s.length)
        child = Child(EspSa(struct.unpack(">I", spi)[0], s, keys[s.length:], self.esn),
                      EspSa(struct.unpack(">I", spi_r)[0], s, keys[:s.length], self.esn),
                      w.parse_selectors(w.first(got, w.TSi)), w.parse_selectors(w.first(got, w.TSr)))
        self.children[child.incoming.spi] = child
        return child

    def connect(self):
        self.sa_init()
        self.auth()
        return self

    def rekey_child(self, group=None, delete_old=True):
        """CREATE_CHILD_SA with N(REKEY_SA), with a KE if a group is given; then DELETE."""
        old, spi, nonce = self.child, os.urandom(4), os.urandom(32)
        dh = w.Dh(group) if group else None
        spi_old = struct.pack(">I", old.incoming.spi)
        got = self.request(w.CREATE_CHILD_SA, [
            w.notify(w.REKEY_SA, b"", w.PROTO_ESP, spi_old), self._esp_proposal(spi, group), (w.NONCE, nonce)]
            + ([dh.payload()] if dh else [])
            + [w.selectors(w.TSi, [self.address + "/32"]), w.selectors(w.TSr, self.remote_ts)])
        if not w.first(got, w.SA):
            n = w.error_notify(got)
            raise IkeError("rekey refused: %s" % w.notify_text(n), n)
        shared = dh.shared(w.first(got, w.KE)) if dh else b""
        self.child = self._child(spi, got, nonce, w.first(got, w.NONCE), shared)
        if delete_old:
            self.delete_child(old)

    def delete_child(self, child=None):
        child = child or self.child
        got = self.request(w.INFORMATIONAL, [(w.DELETE, struct.pack(">BBHI", w.PROTO_ESP, 4, 1, child.incoming.spi))])
        self.children.pop(child.incoming.spi, None)
        if self.child is child:
            self.child = None
        answered = w.first(got, w.DELETE)
        if not answered or answered[4:] != struct.pack(">I", child.outgoing.spi):
            raise IkeError("DELETE is not answered with the other SPI")

    def rekey_ike(self, delete_old=True):
        old, nonce, spi, dh = self.ike, os.urandom(32), os.urandom(8), w.Dh(self.suite.group)
        got = self.request(w.CREATE_CHILD_SA, [
            w.proposal(w.PROTO_IKE, spi, self.suite.transforms()), (w.NONCE, nonce), dh.payload()])
        if not w.first(got, w.SA):
            n = w.error_notify(got)
            raise IkeError("IKE rekey refused: %s" % w.notify_text(n), n)
        spi_r, nonce_r = w.parse_proposal(w.first(got, w.SA))[1], w.first(got, w.NONCE)
        seed = self.suite.prf(old.sk_d, dh.shared(w.first(got, w.KE)) + nonce + nonce_r)
        self.ike = IkeSa(self.suite, spi, spi_r, seed, nonce + nonce_r)
        self.old.append(old)
        if delete_old:
            self.delete_ike(old)

    def delete_ike(self, sa=None):
        sa = sa or self.ike
        self.request(w.INFORMATIONAL, [(w.DELETE, struct.pack(">BBH", w.PROTO_IKE, 0, 0))], sa)
        sa.open = False
        self.closed = self.closed or sa is self.ike

    def dpd(self):
        return self.request(w.INFORMATIONAL, [])

    # ---- packets --------------------------------------------------------

    def echo(self, dest, n, size=32, source=None, seq=None):
        """The ESP packet of one ICMP echo request, numbered n."""
        data = struct.pack(">Q", n) + bytes(size)
        icmp = struct.pack(">BBHHH", 8, 0, 0, 0x1ce, n & 0xffff) + data
        icmp = icmp[:2] + struct.pack(">H", w.checksum(icmp)) + icmp[4:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(icmp), n & 0xffff, 0, 64, 1, 0)
        ip += socket.inet_aton(source or self.address) + socket.inet_aton(dest)
        ip = ip[:10] + struct.pack(">H", w.checksum(ip)) + ip[12:]
        return self.child.outgoing.seal(ip + icmp, seq=seq)

    def answers(self):
        """Take the echo replies that have come: [(n, sequence number, SPI)]."""
        out = []
        while self.inner:
            seq, spi, p = self.inner.popleft()
            icmp = p[(p[0] & 15) * 4:]
            if p[9] == 1 and icmp[:1] == b"\0" and len(icmp) >= 16:
                out.append((struct.unpack(">Q", icmp[8:16])[0], seq, spi))
        return out

    def ping(self, dest, count=1, interval=0.1, timeout=1.0, start=0):
        """count echo requests; [(n, number of the answer's ESP packet, SPI)]."""
        out = []
        for n in range(start, start + count):
            self.send_esp(self.echo(dest, n))
            end = time.time() + interval
            while time.time() < end:
                self.poll(end - time.time())
            out += self.answers()
        end = time.time() + timeout
        while len(out) < count and time.time() < end:
            self.poll(0.05)
            out += self.answers()
        return out


def steps(i, todo, dest, say):
    n = 0
    for step in todo:
        verb, _, arg = step.partition(":")
        if verb == "ping":
            count = int(arg or 1)
            got = []
            for _ in range(3):          # a packet may be lost; the tunnel may not
                got += i.ping(dest, count - len(got), start=n)
                n += count
                if len(got) >= count:
                    break
            for number, seq, spi in got:
                say("answer %d: SPI %08x sequence number %d" % (number, spi, seq))
            if len(got) < count:
                raise IkeError("%d of %d pings answered" % (len(got), count))
        elif verb == "rekey-child":
            i.rekey_child(w.GROUPS[arg] if arg else None)
        elif verb == "rekey-ike":
            i.rekey_ike()
        elif verb == "dpd":
            i.dpd()
        elif verb == "delete-child":
            i.delete_child()
        elif verb == "delete":
            i.delete_ike()
        elif verb == "skip":
            i.child.outgoing.next_seq += int(arg)
        elif verb == "wait":
            end = time.time() + float(arg)
            while time.time() < end:
                i.poll(end - time.time())
        else:
            raise IkeError("no such step: " + step)
        say("done: " + step)


def main():
    p = argparse.ArgumentParser(description="a small IKEv2 initiator")
    p.add_argument("--local", required=True)
    p.add_argument("--gateway", required=True)
    p.add_argument("--id", default="cl")
    p.add_argument("--remote-id", default="gw")
    p.add_argument("--psk-file", required=True)
    p.add_argument("--ike", default="aes128gcm16-prfsha256-x25519")
    p.add_argument("--esp", default="aes128gcm16")
    p.add_argument("--esn", action="store_true")
    p.add_argument("--raw", action="store_true", help="ESP as IP protocol 50, not in UDP")
    p.add_argument("--guess", help="the group of the first KE payload")
    p.add_argument("--addresses", type=int, help="speak MOBIKE, and name so many further addresses")
    p.add_argument("--dest", default="10.20.0.50")
    p.add_argument("--do", default="ping:3,delete")
    p.add_argument("--timeout", type=float, default=10.0)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    with open(a.psk_file, "rb") as f:
        psk = f.read().rstrip(b"\r\n")
    i = Initiator(a.local, a.gateway, a.id, psk, ike=a.ike, esp=a.esp, esn=a.esn, raw=a.raw, remote_id=a.remote_id,
                  timeout=a.timeout, addresses=a.addresses, guess_group=w.GROUPS[a.guess] if a.guess else None)
    say = (lambda text: None) if a.json else (lambda text: print(text, flush=True))
    error = None
    try:
        i.connect()
        say("connected: address %s, IKE %s, SPI in %08x out %08x" % (
            i.address, (i.ike.spi_i + i.ike.spi_r).hex(), i.child.incoming.spi, i.child.outgoing.spi))
        steps(i, [s for s in a.do.split(",") if s], a.dest, say)
    except IkeError as e:
        error = e
    if a.json:
        print(json.dumps({"error": str(error) if error else None, "notify": getattr(error, "notify", None),
                          "address": i.address, "numbers": i.numbers, "served": i.served,
                          "cookies": i.cookies, "ke_retries": i.ke_retries,
                          "retransmissions": i.retransmissions, "wrong_ids": i.wrong_ids, "bad_esp": i.bad_esp}))
    elif error:
        print("failed: %s" % error)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
