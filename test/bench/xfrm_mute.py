#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A kernel's XFRM that only says yes, for a measurement of an IKE daemon alone.

    xfrm_mute.py SOCKET         takes the place of ../matrix/kernel/kernel.py; preload.c brings the daemon here

It draws SPIs, acknowledges everything else, and carries no packet."""
import os
import random
import selectors
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../matrix/kernel"))
from database import Sa        # noqa: E402
from xfrm import ALLOCSPI, ERROR, NEWSA, SA_INFO_AT, sa_message        # noqa: E402


def answer(message):
    _, kind, _, seq, pid = struct.unpack("=IHHII", message[:16])
    if kind == ALLOCSPI:
        data = message[16:]
        said = sa_message(Sa(random.randrange(0xc0000000, 0xcfffffff), *(data[SA_INFO_AT[k]:][:4] for k in ("src", "dst"))))
        return struct.pack("=IHHII", 16 + len(said), NEWSA, 0, seq, pid) + said
    return struct.pack("=IHHIIi", 36, ERROR, 0x100, seq, pid, 0) + message[:16]


def main(path):
    events = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(16)
    os.chmod(path, 0o666)
    events.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in events.select():
            if key.fileobj is listener:
                events.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                message = key.fileobj.recv(65536)
                if message:
                    key.fileobj.send(answer(message))
            except (BrokenPipeError, ConnectionResetError):
                message = b""
            if not message:
                events.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main(sys.argv[1])
