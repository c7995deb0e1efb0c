#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The groups that a client's IKE_SA_INIT requests guess, one after the other, from a capture of
what it has sent. The exit status is 1 if a later one is weaker than its first."""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../netns"))
from observe import frames      # noqa: E402

# Bits of security as in NIST SP 800-57, 5.6.1. Above 128 none is called weaker: all are far
# out of reach, and MODP-4096 costs the gateway milliseconds for each client.
ENOUGH = 128
GROUP = {2: ("modp1024", 80), 5: ("modp1536", 96), 14: ("modp2048", 112), 15: ("modp3072", 128),
         16: ("modp4096", 152), 19: ("ecp256", 128), 20: ("ecp384", 192), 21: ("ecp521", 256),
         31: ("x25519", 128)}
IKE_SA_INIT, KE = 34, 34


def group_of(message):
    """The KE payload's group in a request, or None."""
    kind, at = message[16], 28
    while kind and at + 4 <= len(message):
        size = struct.unpack(">H", message[at + 2:at + 4])[0]
        if kind == KE:
            return struct.unpack(">H", message[at + 4:at + 6])[0]
        kind, at = message[at], at + max(4, size)
    return None


def requests(path):
    """The IKE_SA_INIT requests in the capture."""
    for _, data in frames(path):
        if data[12:14] != b"\x08\x00" or data[23] != 17:
            continue
        udp = data[14 + (data[14] & 15) * 4:]
        ike = udp[8:]
        if struct.unpack(">H", udp[2:4])[0] == 4500:
            ike = ike[4:]
        if len(ike) >= 28 and ike[18] == IKE_SA_INIT and not ike[19] & 0x20:
            yield ike


def main():
    seen = []
    for message in requests(sys.argv[1]):
        group = group_of(message)
        if group and group not in seen:
            seen.append(group)
    names = [GROUP.get(g, ("group %d" % g, 0)) for g in seen]
    print(", then after INVALID_KE_PAYLOAD ".join(n for n, _ in names))
    if not names:
        return 1
    return 1 if min(names[-1][1], ENOUGH) < min(names[0][1], ENOUGH) else 0


if __name__ == "__main__":
    sys.exit(main())
