#!/usr/bin/python3 -S
"""Checks datasets `socket` (against ss, or the kernel's netlink) and `host` (against df, ps, sysconf, the clock).

Sockets come and go. A listening socket that the output lacks is a finding only if it surely existed at the reading:
its inode stands in the output under another address, or canonical data knew it before, or its process is clearly older.
A socket of the output that is gone by now is noted, not a finding.
"""

import os
import sys
import time

from lib import canonical, contract, witness

SETTLING_S = 30
DISK_SLACK_POINTS = 5.0
MEMORY_SLACK_SHARE = 0.6


def audit(agent):
    rows = agent.rows()
    witness.check_identity(agent, rows)
    dataset = agent.output_header.get("dataset")
    check = {"socket": audit_socket, "host": audit_host}.get(dataset)
    if check:
        check(agent, rows)
    else:
        agent.journal(f"{dataset} is another auditor's; only rows, node and host were checked")


def audit_socket(agent, rows):
    claimed = witness.index(agent, rows, ("protocol", "address", "port"))
    truth, how = witness.listening()
    if how != "ss":
        agent.journal(f"ss is not installed: asked {how} instead", "warning")
    agent.metric("listening_sockets", len(truth))
    missing = {key: inodes for key, inodes in truth.items() if key not in claimed}
    gone = [claimed[key] for key in claimed.keys() - truth.keys()]
    if gone:
        agent.journal(f"{len(gone)} sockets were closed since the reading", sample=gone[:5])
    if missing:
        sure = surely_there(agent, rows, missing)
        agent.finding("missing_socket", f"{how} shows listening sockets that the output lacks",
                      [describe(key) for key in sorted(sure)])
        if len(sure) < len(missing):
            agent.journal(f"{len(missing) - len(sure)} sockets seem to be newer than the reading",
                          sample=[describe(key) for key in sorted(missing.keys() - sure)[:5]])
    agent.finding("wrong_scope", "rows call an address by the wrong scope",
                  [row for row in rows if (row.get("scope") == "wildcard") != (row.get("address") in ("0.0.0.0", "::"))
                   or (row.get("scope") == "loopback") != is_loopback(row.get("address"))])


def is_loopback(address):
    return str(address).startswith("127.") or address == "::1"


def describe(key):
    return dict(zip(("protocol", "address", "port"), key))


def surely_there(agent, rows, missing):
    elsewhere = {row.get("inode") for row in rows if row.get("protocol") == "tcp"}
    node = str(agent.output_header.get("worker", "")).rsplit(".", 1)[-1]
    before = set()
    if os.environ.get("CADRE_BIN"):
        before = {(r.get("protocol"), r.get("address"), r.get("port"), r.get("inode"))
                  for r in canonical.read("socket") if node.endswith(str(r.get("node")))}
    owners = witness.inode_owners({i for inodes in missing.values() for i in inodes})
    settled = witness.began(agent) - SETTLING_S
    sure = set()
    for key, inodes in missing.items():
        if any((i in elsewhere and key[0] == "tcp") or (*key, i) in before for i in inodes):
            sure.add(key)
        elif key[0] == "tcp":
            starts = [witness.process_started(owners[i]) for i in inodes if i in owners]
            if any(start is not None and start < settled for start in starts):
                sure.add(key)
    return sure


def audit_host(agent, rows):
    facts = witness.index(agent, rows, ("kind", "subject"))
    for kind in ("disk", "memory", "uptime", "load", "process"):
        if not any(key[0] == kind for key in facts):
            agent.finding("missing_fact", f"no row of kind {kind}", [{"kind": kind}])
    for key, row in facts.items():
        problem = {"disk": wrong_disk, "memory": wrong_memory, "uptime": wrong_uptime, "load": wrong_load,
                   "unit": wrong_unit}.get(key[0], lambda _: None)(row)
        if problem:
            agent.finding(f"wrong_{key[0]}", problem, [row])


def wrong_disk(row):
    lines = witness.run(["df", "-P", "-B1", "--", str(row.get("subject"))]).splitlines()
    percent = int(lines[-1].split()[-2].rstrip("%"))
    if abs(percent - (row.get("percent") or 0)) > DISK_SLACK_POINTS:
        return f"df says {percent} % used"
    used = int(lines[-1].split()[2])
    if abs(used - (row.get("value") or 0)) > max(used, 1 << 30) * DISK_SLACK_POINTS / 100 + (1 << 30):
        return f"df says {used} bytes used"
    return None


def wrong_memory(row):
    total, used = row.get("total") or 0, row.get("value") or 0
    if not 0 <= used <= total:
        return "more used than there is"
    if row.get("subject") != "ram":
        return None
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if abs(total - physical) > physical * 0.02:
        return f"sysconf says {physical} bytes of memory"
    free = physical - os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # Free memory is without caches, so it bounds what is used from above, give or take what changed meanwhile.
    return None if used <= free + physical * MEMORY_SLACK_SHARE else f"sysconf says at most {free} bytes are used"


def wrong_uptime(row):
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - (row.get("value") or 0)
    # /proc/uptime and the boot clock count alike; the reading lies within the time an audit may take.
    return None if -2 <= age <= 600 else f"the boot clock is {age:.0f} s ahead"


def wrong_load(row):
    value = row.get("value")
    return None if isinstance(value, (int, float)) and 0 <= value < 1e5 else "not a load"


def wrong_unit(row):
    state = witness.run(["systemctl", "show", "-p", "ActiveState", "--value", str(row.get("subject"))]).strip()
    return None if state in ("failed", "activating", "active", "inactive") else f"systemd says {state!r}"


if __name__ == "__main__":
    sys.exit(contract.main({"audit": audit}))
