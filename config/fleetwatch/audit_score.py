#!/usr/bin/python3 -S
"""Checks dataset `action` against what must hold, from canonical data; computes no score itself.

Every security upgrade, wildcard socket and disk over 90 % has its action and no such action lacks its cause; ranks are
1..n without rising scores; every security upgrade stands above every wildcard socket, above every normal upgrade.
"""

import os
import re
import sys
from collections import Counter

from lib import canonical, contract


def audit(agent):
    actions = agent.rows()
    announced = agent.output_header.get("rows_total")
    if announced is not None and announced != len(actions):
        agent.finding("rows_total", f"{announced} rows were announced, {len(actions)} arrived",
                      [{"arrived": len(actions)}])
    check_order(agent, actions)
    data = canonical.read_all("upgrade", "socket", "host")
    check_causes(agent, actions, *causes(data))
    known = {(r["node"], r["host"]) for rows in data.values() for r in rows}
    agent.finding("unknown_node", "actions for a node on a host that canonical data does not know",
                  [a for a in actions if (a.get("node"), a.get("host")) not in known])


def check_order(agent, actions):
    ranks = sorted(a.get("rank") or 0 for a in actions)
    if ranks != list(range(1, len(actions) + 1)):
        wrong = [r for r, n in Counter(ranks).items() if n > 1] or [r for r in ranks if not 1 <= r <= len(actions)]
        agent.finding("rank", "ranks are not 1..n, each once", [{"rank": r} for r in wrong or ranks])
    ordered = sorted(actions, key=lambda a: a.get("rank") or 0)
    agent.finding("order", "a lower rank has a higher score",
                  [b for a, b in zip(ordered, ordered[1:]) if b.get("score", 0) > a.get("score", 0)])
    subjects = Counter((a.get("host"), a.get("kind"), a.get("subject")) for a in actions)
    agent.finding("duplicate", "the same action stands twice",
                  [dict(zip(("host", "kind", "subject"), key)) for key, n in subjects.items() if n > 1])
    agent.finding("nothing_to_do", "an action without reason or step",
                  [a for a in actions if not a.get("why") or not a.get("do")])
    for above, below in (("security", "socket"), ("security", "upgrade"), ("socket", "upgrade"), ("disk", "upgrade")):
        lowest = max((a["rank"] for a in actions if a.get("kind") == above), default=0)
        agent.finding("class_order", f"an action of kind {below} stands above one of kind {above}",
                      [a for a in actions if a.get("kind") == below and a["rank"] < lowest])


def causes(data):
    """({kind: set of (host, subject)} that must have an action, the same for those that may have one)."""
    expected = set(re.findall(r"[a-z]+/\d+", os.environ.get("FLEETWATCH_EXPECTED", "")))
    upgrades = {True: set(), False: set()}
    for row in data["upgrade"]:
        upgrades[bool(row["security"])].add((row["host"], f"{row['name']}:{row['architecture']}"))
    sockets = {(row["host"], f"{row['protocol']}/{row['address']}/{row['port']}") for row in data["socket"]
               if row["address"] in ("0.0.0.0", "::") and f"{row['protocol']}/{row['port']}" not in expected
               and not (row["protocol"] == "udp" and row["port"] > 32767)}
    names = {"disk": "disk", "inode": "inodes"}
    full, nearly = set(), set()
    for row in data["host"]:
        if row["kind"] in names and row["total"]:
            share = 100 * row["value"] / row["total"]
            # The worker sees the share rounded to a tenth; within that rounding either answer is right.
            if share >= 89.95:
                (full if share >= 90.05 else nearly).add((row["host"], f"{names[row['kind']]}:{row['subject']}"))
    units = {(row["host"], row["subject"]) for row in data["host"] if row["kind"] == "unit"}
    return {"security": upgrades[True], "upgrade": upgrades[False] - upgrades[True], "socket": sockets, "disk": full,
            "unit": units}, {"disk": nearly}


def check_causes(agent, actions, wanted, possible):
    for kind, must in wanted.items():
        have = {(a.get("host"), a.get("subject")) for a in actions if a.get("kind") == kind}
        agent.finding(f"missing_{kind}", f"canonical data asks for actions of kind {kind} that are not there",
                      [{"host": h, "subject": s} for h, s in sorted(must - have)])
        groundless = have - must - possible.get(kind, set())
        if kind == "socket":
            groundless = {(h, s) for h, s in groundless if s.split("/")[1] in ("0.0.0.0", "::")}
        agent.finding(f"groundless_{kind}", f"actions of kind {kind} without a cause in canonical data",
                      [{"host": h, "subject": s} for h, s in sorted(groundless)])


if __name__ == "__main__":
    sys.exit(contract.main({"audit": audit}))
