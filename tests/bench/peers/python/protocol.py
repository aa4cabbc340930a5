"""What a peer prints; see ../README.md."""

import sys
import time

events = []


def seen():
    """Records a change."""
    events.append(time.clock_gettime_ns(time.CLOCK_MONOTONIC))


def run(state):
    """Prints "ready", waits for the end of standard input and prints the events and the state."""
    print("ready", flush=True)
    sys.stdin.read()
    for at in list(events):
        print("event", at)
    print("state", *state(), flush=True)
