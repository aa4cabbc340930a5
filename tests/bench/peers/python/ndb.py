"""Watches with pyroute2's NDB."""

import os

from pyroute2 import NDB
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

import protocol


async def seen(_sources, _target, _event):
    protocol.seen()


def state():
    return (f"{it.address}/{it.prefixlen}" for it in ndb.addresses.dump())


ndb = NDB()
for kind in (ifaddrmsg, ifinfmsg):
    ndb.task_manager.register_handler(kind, seen)
protocol.run(state)
os._exit(0)
