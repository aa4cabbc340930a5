"""Watches with pyroute2's IPRoute and keeps the addresses in a set."""

import os
import threading

from pyroute2 import IPRoute

import protocol

addresses = set()


def key(message):
    return f"{message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}"


def report():
    protocol.run(lambda: addresses)
    os._exit(0)


with IPRoute() as ipr:
    ipr.bind()
    addresses.update(key(message) for message in ipr.get_addr())
    threading.Thread(target=report, daemon=True).start()
    while True:
        for message in ipr.get():
            if message["event"] == "RTM_NEWADDR":
                addresses.add(key(message))
            elif message["event"] == "RTM_DELADDR":
                addresses.discard(key(message))
            protocol.seen()
