"""Write messages of valid msgpack that are deeply nested, have extension types, duplicate keys, or huge declared lengths."""

import gc
import os
import socket
import struct

import msgspec

from burnin import wire


def sockets():
    """The descriptors of this process that are sockets: one of them leads to the judge."""
    found = []
    for number in range(3, 128):
        try:
            os.fstat(number)
            found.append(socket.socket(fileno=os.dup(number)))
        except OSError:
            continue
    return found


def say(*messages):
    for message in messages:
        data = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
        for one in sockets():
            one.sendall(struct.pack(">I", len(data)) + data)


NESTED = b"\x94\xa8Returned\x01\xcb" + b"\x00" * 8 + b"\x91" * 500_000 + b"\xc0"
EXTENSION = b"\x94\xa8Returned\x01\xcb" + b"\x00" * 8 + b"\xd4\xff\x00"
DECLARED = b"\x94\xa8Returned\x01\xcb" + b"\x00" * 8 + b"\xdd\xff\xff\xff\xff"
TIMESTAMP = b"\x94\xa8Returned\x01\xcb" + b"\x00" * 8 + b"\xd6\xff\x00\x00\x00\x01"
KEYS = b"\x94\xa8Returned\x01\xcb" + b"\x00" * 8 + b"\x82\x01\x02\x01\x02"
ROUND = [NESTED, EXTENSION, DECLARED, TIMESTAMP, KEYS]


def trick(pool, asked):
    ROUND.append(ROUND.pop(0))
    say(ROUND[0])
    return None


class WarmPool:
    def __init__(self, host, budget):
        self.host = host

    def get(self, model):
        return trick(self, model)

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host = host

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def acquire(self, model):
        return trick(self, model)


class KeepWarmPolicy:
    def requested(self, model, now):
        trick(self, model)

    def victims(self, candidates, needed, now):
        return trick(self, needed)
