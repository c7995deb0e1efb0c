#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ESP (RFC 4303) in user space, one direction at a time: AES-GCM-16 (RFC 4106), ChaCha20-Poly1305
(RFC 7634), AES-CBC and AES-CTR with HMAC-SHA2 (RFC 3602, 3686, 4868), with and without ESN."""
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305


CBC = 12        # IANA's number


class EspError(Exception):
    pass


class Suite:
    """name: strongSwan's spelling. Key material is cut as RFC 7296, 2.17 says."""

    def __init__(self, name):
        self.name = name
        self.encr = next((number for part, number in (("gcm", 20), ("chacha", 28), ("ctr", 13)) if part in name), CBC)
        self.aead = {20: AESGCM, 28: ChaCha20Poly1305}.get(self.encr)
        self.key_bits = 0 if name.startswith("chacha") else int(name[3:6])
        self.salt_len = 0 if self.encr == CBC else 4
        self.enc_len = (self.key_bits or 256) // 8 + self.salt_len
        self.iv_len = 16 if self.encr == CBC else 8
        self.hash = next((h for h in (hashlib.sha384, hashlib.sha512) if h().name in name), hashlib.sha256)
        # RFC 4868, 2.6: the key is as long as the hash, the ICV half as long.
        self.integ_len = 0 if self.aead else self.hash().digest_size
        self.icv_len = 16 if self.aead else self.integ_len // 2

    @property
    def length(self):
        return self.enc_len + self.integ_len


class EspSa:
    """One direction. keymat: enc key (with the salt, but for CBC), then integrity key."""

    def __init__(self, spi, suite, keymat, esn=False):
        self.spi, self.suite, self.esn = spi, suite, esn
        self.enc, self.integ = keymat[:suite.enc_len], keymat[suite.enc_len:suite.length]
        self.next_seq = 1
        self.highest = 0
        self.packets = 0

    def _aad(self, seq):
        return struct.pack(">IQ", self.spi, seq) if self.esn else struct.pack(">II", self.spi, seq)

    def seal(self, inner, next_header=4, seq=None):
        """The ESP packet around inner; without seq the next number is taken."""
        if seq is None:
            seq, self.next_seq = self.next_seq, self.next_seq + 1
        head = struct.pack(">II", self.spi, seq & 0xffffffff)
        align = 16 if self.suite.encr == CBC else 4
        pad = -(len(inner) + 2) % align
        plain = inner + bytes(range(1, pad + 1)) + bytes((pad, next_header))
        iv = os.urandom(16) if self.suite.encr == CBC else struct.pack(">Q", seq)
        if self.suite.aead:
            return head + iv + self.suite.aead(self.enc[:-4]).encrypt(self.enc[-4:] + iv, plain, self._aad(seq))
        c = self._cipher(iv).encryptor()
        body = head + iv + c.update(plain) + c.finalize()
        return body + self._icv(body, seq)

    def _cipher(self, iv):
        if self.suite.encr == CBC:
            return Cipher(algorithms.AES(self.enc), modes.CBC(iv), backend=default_backend())
        # RFC 3686, 4: "the block counter ... begins with the value of one".
        block = self.enc[-4:] + iv + struct.pack(">I", 1)
        return Cipher(algorithms.AES(self.enc[:-4]), modes.CTR(block), backend=default_backend())

    def _icv(self, body, seq):
        high = struct.pack(">I", seq >> 32) if self.esn else b""
        return hmac.new(self.integ, body + high, self.suite.hash).digest()[:self.suite.icv_len]

    def full_seq(self, low):
        """The 64-bit number that RFC 4303, appendix A infers from 32 bits of it."""
        if not self.esn:
            return low
        window, high, top = 64, self.highest >> 32, self.highest & 0xffffffff
        if top >= window - 1:
            return (high << 32 if low >= top - window + 1 else (high + 1) << 32) | low
        bottom = (top - window + 1) & 0xffffffff
        return ((high - 1) << 32 if low >= bottom and high > 0 else high << 32) | low

    def open(self, packet):
        """(seq, next header, inner). No replay check: the caller sees every number."""
        if len(packet) < 8 + self.suite.iv_len + self.suite.icv_len + (0 if self.suite.aead else 2):
            raise EspError("too short")
        spi, low = struct.unpack(">II", packet[:8])
        if spi != self.spi:
            raise EspError("another SPI")
        seq = self.full_seq(low)
        iv, rest = packet[8:8 + self.suite.iv_len], packet[8 + self.suite.iv_len:]
        if self.suite.aead:
            try:
                plain = self.suite.aead(self.enc[:-4]).decrypt(self.enc[-4:] + iv, rest, self._aad(seq))
            except InvalidTag:
                raise EspError("does not authenticate") from None
        else:
            body, icv = packet[:-self.suite.icv_len], packet[-self.suite.icv_len:]
            if not hmac.compare_digest(icv, self._icv(body, seq)) or self.suite.encr == CBC and (len(body) - 24) % 16:
                raise EspError("does not authenticate")
            c = self._cipher(iv).decryptor()
            plain = c.update(rest[:-self.suite.icv_len]) + c.finalize()
        pad, next_header = plain[-2], plain[-1]
        if pad + 2 > len(plain) or plain[-2 - pad:-2] != bytes(range(1, pad + 1)):
            raise EspError("bad padding")
        self.highest = max(self.highest, seq)
        self.packets += 1
        return seq, next_header, plain[:-2 - pad]
