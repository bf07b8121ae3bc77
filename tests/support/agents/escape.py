#!/usr/bin/env python3
"""escape.py [stay] [bare]: leaves two processes behind, each in a session of its own, that ignore SIGTERM and keep
stdout open; prints their pids. `stay`: does not end either, and ignores SIGTERM. `bare`: they clear their environment.
"""
import os
import signal
import sys
import time


def hold():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(1, f"{os.getpid()}\n".encode())
    while True:
        time.sleep(1)


if sys.argv[1:] == ["hold"]:
    if os.fork() == 0:
        os.setsid()
        hold()
    hold()

told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.set_inheritable(tell, True)
        environment = {} if "bare" in sys.argv else dict(os.environ)
        out, write = os.pipe()
        os.set_inheritable(out, True)
        # Told on once both have printed: a copy of their lines goes through this process.
        if os.fork() == 0:
            os.close(out)
            os.dup2(write, 1)
            os.execve(sys.executable, [sys.executable, __file__, "hold"], environment)
        os.close(write)
        lines = b""
        while lines.count(b"\n") < 2:
            lines += os.read(out, 100)
        os.write(1, lines)
        os.write(tell, b"x")
        os._exit(0)
    os._exit(0)
os.close(tell)
os.read(told, 1)
if "stay" in sys.argv:
    hold()
