#!/usr/bin/python3 -S
"""Reads this host: packages, upgrades, disks and the like, listening sockets. One worker per node runs it.

Drill: task payload {"poison": "drop" | "duplicate" | "lie", "dataset": "package"}, or the environment variable
FLEETWATCH_POISON=drop[:dataset], makes the rows wrong on purpose. The auditors must refuse them.
"""

import os
import sys

from lib import apt, contract, dpkg, host, net

DATASETS = ("package", "upgrade", "host", "socket")
PACKAGE_COLUMNS = ("name", "architecture", "version", "status", "section", "installed_kib")


def run(agent):
    root = contract.root()
    packages = dpkg.read_packages(root)
    agent.metric("packages", len(packages))
    agent.progress(1, 4, "packages")
    upgrades, lists, unread_pins = apt.find_upgrades(packages, dpkg.native_architecture(packages), root)
    if not lists:
        agent.journal("apt has no package lists here: upgrades are not known, run apt-get update", "warning")
    if unread_pins:
        agent.journal("pins of a kind that is not understood here were left out", "warning", pins=unread_pins[:5])
    agent.metric("upgrades", len(upgrades))
    agent.metric("security_upgrades", sum(u["security"] for u in upgrades))
    agent.progress(2, 4, "upgrades")
    facts, systemd = host.read_host(root)
    if not systemd:
        agent.journal("systemd does not run here: failed units are not known")
    agent.progress(3, 4, "host")
    sockets = net.read_sockets(root)
    agent.metric("sockets", len(sockets))
    agent.metric("wildcard_sockets", sum(s["scope"] == "wildcard" for s in sockets))
    agent.progress(4, 4, "sockets")

    identity = {"node": contract.node_name(), "host": contract.host_name()}
    found = {"package": [{c: p[c] for c in PACKAGE_COLUMNS} for p in packages], "upgrade": upgrades, "host": facts,
             "socket": sockets}
    rows = {name: [{**identity, **row} for row in found[name]] for name in DATASETS}
    poison(agent, rows)
    for name in DATASETS:
        agent.output(name, rows[name])


def poison(agent, rows):
    """The drill. Says so in the journal: a drill must never be mistaken for a fault."""
    kind, _, dataset = os.environ.get("FLEETWATCH_POISON", "").partition(":")
    kind = agent.payload.get("poison") or kind
    dataset = agent.payload.get("dataset") or dataset or "package"
    if not kind:
        return
    if kind not in ("drop", "duplicate", "lie") or dataset not in DATASETS:
        raise contract.Failed(f"unknown poison {kind!r} for {dataset!r}")
    good = rows[dataset]
    if kind == "drop":
        rows[dataset] = [row for i, row in enumerate(good) if i % 3]
    elif kind == "duplicate":
        rows[dataset] = good + good[:max(1, len(good) // 10)]
    else:
        rows[dataset] = [tell_lie(dataset, row) if i == 0 else row for i, row in enumerate(good)]
    agent.journal(f"drill: {kind} in {dataset}", "warning", before=len(good), after=len(rows[dataset]))


def tell_lie(dataset, row):
    changes = {"package": {"version": "0~poison"}, "upgrade": {"candidate": row.get("installed")},
               "socket": {"address": "127.0.0.1", "port": row.get("port", 0) ^ 1, "scope": "loopback"},
               "host": {"value": (row.get("value") or 0) * 2 + 1, "percent": 1.0}}
    return {**row, **changes[dataset]}


if __name__ == "__main__":
    sys.exit(contract.main({"run": run}))
