#!/usr/bin/python3 -S
"""The pulse of the node it runs on: dataset `pulse`, one row: time, uptime, load, processes, free memory."""

import os
import sys
import time

from lib import contract


def run(agent):
    folder = os.path.join(contract.root(), "proc")
    with open(f"{folder}/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    with open(f"{folder}/loadavg", encoding="ascii") as file:
        load1, load5, load15 = (float(part) for part in file.read().split()[:3])
    with open(f"{folder}/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    row = {"node": contract.node_name(), "host": contract.host_name(), "observed_s": round(time.time(), 3),
           "uptime_s": uptime, "load1": load1, "load5": load5, "load15": load15, "boot_id": boot,
           "processes": sum(name.isdigit() for name in os.listdir(folder))}
    agent.metric("load1", load1)
    agent.metric("uptime_s", uptime)
    agent.output("pulse", [row])


if __name__ == "__main__":
    sys.exit(contract.main({"run": run}))
