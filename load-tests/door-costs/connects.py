"""Connects, one after the other, in a process that does little else: `connects.py HOST PORT COUNT`.

Prints the microseconds of processor time per connect to that port, and per socket made and closed without one. What lies
between is the connect with all the kernel does for it at both ends, since on loopback it is done within the call.
"""

import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def micros(connects):
    address, kind = (host, port), socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(count):
        one = socket.socket(socket.AF_INET, kind)
        if connects:
            one.connect_ex(address)
        one.close()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return ((after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)) * 1e6 / count


print(micros(True), micros(False))
