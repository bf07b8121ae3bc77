#!/usr/bin/python3 -S
"""The company's clock auditor. It watches the schedules, and checks dataset `pulse` by its own clocks.

On the pulse's own host it compares uptime, boot and load with sysinfo and the boot clock; from any host it compares the
time, so that a node whose clock runs wrong is found before its schedules do.
"""

import os
import sys
import time

from lib import contract

CLOCK_AHEAD_S_MAX = 5
AGE_S_MAX = 900


def audit(agent):
    rows = agent.rows()
    now, boot_clock = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    agent.finding("one_row", "a pulse is one row", rows[1:])
    agent.finding("empty", "no pulse", [] if rows else [{"rows": 0}])
    for row in rows:
        age = now - float(row.get("observed_s") or 0)
        agent.metric("pulse_age_s", round(age, 3))
        agent.finding("clock", f"its clock is {-age:.1f} s ahead of this one" if age < 0 else f"it is {age:.0f} s old",
                      [] if -CLOCK_AHEAD_S_MAX <= age <= AGE_S_MAX else [row])
        agent.finding("implausible", "not a load, an uptime or a number of processes", [] if plausible(row) else [row])
        if row.get("host") == contract.host_name():
            behind = boot_clock - float(row.get("uptime_s") or 0)
            agent.finding("uptime", f"the boot clock is {behind:.1f} s ahead of the pulse, which is {age:.1f} s old",
                          [] if abs(behind - age) <= 5 else [row])
            agent.finding("load", "the 15 minute load has moved further than it can",
                          [] if load_fits(row, age) else [row])
        else:
            agent.journal("the pulse is another host's: only its time was checked", host=row.get("host"))


def plausible(row):
    loads = [row.get(f"load{m}") for m in (1, 5, 15)]
    return (all(isinstance(v, (int, float)) and 0 <= v < 1e5 for v in loads) and (row.get("uptime_s") or 0) > 0
            and (row.get("processes") or 0) > 0)


def load_fits(row, age):
    """The 15 minute average closes 1/180 of its distance each 5 s, so it can't have moved far."""
    now = os.getloadavg()[2]
    return abs(now - row.get("load15", 0)) <= 1 + (max(age, 0) + 10) / 900 * max(now, row.get("load15", 0), 50)


if __name__ == "__main__":
    sys.exit(contract.main({"audit": audit}))
