#!/usr/bin/python3 -S
"""Ranks what to act on, from canonical data: dataset `action`, one row per thing to do, the first is the most urgent.

    95  disk     filesystem or its inodes at 95 % or more: the host is about to stop
    90  security an upgrade that closes a security hole (+4 if a process of that name listens beyond loopback)
    80  socket   a socket bound to a wildcard address (70: to one public address), if nobody expects it
    75  unit     a failed systemd unit
    70  disk     filesystem or its inodes at 90 % or more
    65  memory   95 % or more of the memory in use
    60  reboot   the host waits for a restart
    55  lists    apt's lists are absent or older than 48 h, so upgrades are not known
    30  zombie   20 or more processes that nobody waited for
    20  upgrade  any other upgrade (10 if the package is held)

Nodes that share a host share its actions. FLEETWATCH_EXPECTED lists sockets that are meant to be open
(`tcp/22,tcp/443`).
UDP sockets on ephemeral ports are clients' answers, not services, and ask for nothing.
"""

import os
import sys

from lib import canonical, contract

EPHEMERAL_PORT_MIN = 32768
DATASETS = ("package", "upgrade", "host", "socket")


def run(agent):
    data = canonical.read_all(*DATASETS)
    if not any(data.values()):
        agent.journal("no canonical data yet: nothing to rank", "warning")
    actions = rank(data, expected_sockets())
    for kind in sorted({a["kind"] for a in actions}):
        agent.metric(f"actions_{kind}", sum(a["kind"] == kind for a in actions))
    agent.metric("actions", len(actions))
    for action in actions[:3]:
        if action["score"] >= 55:
            agent.recommendations.append(f"{action['do']} ({action['why']}, {action['host']})")
    agent.output("action", actions)


def expected_sockets():
    return {s.strip() for s in os.environ.get("FLEETWATCH_EXPECTED", "").split(",") if s.strip()}


def rank(data, expected=frozenset()):
    found = {}
    for node, action in facts(data, expected):
        key = (action["host"], action["kind"], action["subject"])
        known = found.setdefault(key, dict(action, nodes=set()))
        known["nodes"].add(node)
        if action["score"] > known["score"]:
            known.update(action)
    ordered = sorted(found.values(), key=lambda a: (-a["score"], a["kind"], a["host"], a["subject"]))
    return [{"rank": i, "node": min(a["nodes"]), "host": a["host"], "kind": a["kind"], "subject": a["subject"],
             "score": a["score"], "why": a["why"], "do": a["do"], "nodes": ",".join(sorted(a["nodes"]))}
            for i, a in enumerate(ordered, 1)]


def facts(data, expected):
    exposed = {(s["host"], s["process"]) for s in data["socket"]
               if s["process"] and s["scope"] in ("wildcard", "public")}
    for row in data["upgrade"]:
        yield row["node"], upgrade_action(row, (row["host"], row["name"]) in exposed)
    for row in data["socket"]:
        if action := socket_action(row, expected):
            yield row["node"], action
    for row in data["host"]:
        if action := host_action(row):
            yield row["node"], action


def make(row, kind, subject, score, why, do):
    return {"host": row["host"], "kind": kind, "subject": subject, "score": score, "why": why, "do": do}


def upgrade_action(row, exposed):
    subject = f"{row['name']}:{row['architecture']}"
    step = f"{row['installed']} -> {row['candidate']}"
    do = f"apt-get install --only-upgrade {row['name']}"
    if row["security"]:
        where = ", and it listens beyond loopback" if exposed else ""
        return make(row, "security", subject, 94 if exposed else 90, f"security upgrade {step}{where}", do)
    if row["held"]:
        return make(row, "upgrade", subject, 10, f"held back at {row['installed']}; {row['candidate']} is out",
                    f"apt-mark showhold; apt-cache policy {row['name']}")
    return make(row, "upgrade", subject, 20, f"upgrade {step}", do)


def socket_action(row, expected):
    service = f"{row['protocol']}/{row['port']}"
    if service in expected or (row["protocol"] == "udp" and row["port"] >= EPHEMERAL_PORT_MIN):
        return None
    if row["scope"] not in ("wildcard", "public"):
        return None
    who = row["process"] or "an unknown process"
    kind_of = "every address" if row["scope"] == "wildcard" else "a public address"
    score = 80 if row["scope"] == "wildcard" else 70
    return make(row, "socket", f"{row['protocol']}/{row['address']}/{row['port']}", score,
                f"{who} listens on {kind_of}, {service}",
                f"ss -lnp 'sport = :{row['port']}', then bind it to loopback or close the port")


def host_action(row):
    kind, subject, value, percent = row["kind"], row["subject"], row["value"], row["percent"] or 0
    if kind in ("disk", "inode") and percent >= 90:
        what = "disk" if kind == "disk" else "inodes"
        do = f"du -xh --max-depth=2 {subject} | sort -h | tail -20"
        if kind == "inode":
            do = f"du -x --inodes --max-depth=2 {subject} | sort -n | tail -20"
        return make(row, "disk", f"{what}:{subject}", 95 if percent >= 95 else 70, f"{what} {percent} % used", do)
    if kind == "unit":
        return make(row, "unit", subject, 75, "unit failed", f"systemctl status {subject}")
    if kind == "memory" and subject == "ram" and percent >= 95:
        return make(row, "memory", subject, 65, f"memory {percent} % used", "ps aux --sort=-rss | head -15")
    if kind == "reboot" and value:
        return make(row, "reboot", subject, 60, "an upgrade waits for a restart", "systemctl reboot, in a quiet hour")
    if kind == "lists" and (value is None or value > 48):
        why = "apt has no lists" if value is None else f"apt's lists are {value} h old"
        return make(row, "lists", subject, 55, why, "apt-get update")
    if kind == "process" and subject == "zombie" and value >= 20:
        return make(row, "zombie", subject, 30, f"{value} zombies: {row['detail']}",
                    "ps -eo pid,ppid,stat,comm | grep ' Z'")
    return None


if __name__ == "__main__":
    sys.exit(contract.main({"run": run}))
