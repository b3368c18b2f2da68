"""Close or shut down the judge's socket in the middle of a call, and answer from nowhere."""

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


def trick(pool, asked):
    for one in sockets():
        one.shutdown(socket.SHUT_RDWR)
    os.closerange(3, 128)
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
