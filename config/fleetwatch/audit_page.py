#!/usr/bin/python3 -S
"""Checks dataset `page`: nothing is claimed that canonical data does not bear out.

Each claim is counted again here; each number in a text must be a claim of its line; each name or command in backticks
must stand in canonical data; and the most urgent action must not be left out.
"""

import re
import sys

from lib import canonical, contract

NUMBER = re.compile(r"\d+(?:\.\d+)?")
QUOTED = re.compile(r"`([^`]*)`")


def audit(agent):
    lines = agent.rows()
    data = canonical.read_all("package", "upgrade", "host", "socket", "action")
    agent.finding("length", "the page has more than 40 lines", lines if len(lines) > 40 else [])
    agent.finding("no_page", "the page is empty", [] if lines else [{"line": 0}])
    wrong, unclaimed, unknown = [], [], []
    names = known_names(data)
    for row in lines:
        text, claims = str(row.get("text", "")), row.get("claims") or []
        wrong += [dict(c, line=row.get("line"), truth=t) for c in claims
                  if not same(t := truth_of(c, data), c.get("value"))]
        values = [c.get("value") for c in claims]
        plain = QUOTED.sub(" ", text)
        unclaimed += [{"line": row.get("line"), "number": n, "text": text} for n in NUMBER.findall(plain)
                      if not any(same(float(n), v) for v in values)]
        unknown += [{"line": row.get("line"), "quoted": q} for q in QUOTED.findall(text) if q not in names]
    agent.finding("wrong_claim", "canonical data says otherwise", wrong)
    agent.finding("unclaimed_number", "a number in the text is nobody's claim", unclaimed)
    agent.finding("unknown_name", "a quoted name or command is not in canonical data", unknown)
    check_top(agent, lines, data["action"])
    agent.metric("claims_checked", sum(len(r.get("claims") or []) for r in lines))


def check_top(agent, lines, actions):
    top = min(actions, key=lambda a: a["rank"], default=None)
    if top is None:
        return
    told = any(c.get("host") == top["host"] and c.get("kind") == top["kind"]
               and c.get("claim") in ("action", "actions_of_kind") for row in lines for c in row.get("claims") or [])
    agent.finding("top_left_out", "the most urgent action is not on the page", [] if told else [top])


def same(truth, value):
    if truth is None or not isinstance(value, (int, float)):
        return False
    return abs(truth - value) < 1e-6


def known_names(data):
    names = set()
    for row in data["action"]:
        names |= {row["why"], row["do"], row["kind"], row["subject"], row["subject"].split(":")[0]}
    for rows in data.values():
        names |= {row[column] for row in rows for column in ("host", "node")}
    return names | {row["subject"] for row in data["host"]}


def truth_of(claim, data):
    """The number that canonical data gives for a claim, or None if it has none."""
    host, kind, subject = claim.get("host"), claim.get("kind"), claim.get("subject")
    places = {(r["host"], r["node"]) for name in ("package", "host") for r in data[name]}
    first = min((n for h, n in places if h == host), default=None)

    def count(dataset, test=lambda row: True):
        return sum(1 for row in data[dataset] if row["host"] == host and row["node"] == first and test(row))

    name = claim.get("claim")
    if name == "hosts":
        return len({h for h, _ in places})
    if name == "nodes":
        return len(places)
    if name == "actions":
        return len(data["action"])
    if name == "actions_of_kind":
        return sum(1 for a in data["action"] if a["host"] == host and a["kind"] == kind)
    if name == "action":
        return next((a["rank"] for a in data["action"]
                     if (a["host"], a["kind"], a["subject"]) == (host, kind, subject)), None)
    if name == "packages":
        return count("package")
    if name == "upgrades":
        return count("upgrade")
    if name == "security_upgrades":
        return count("upgrade", lambda row: row["security"] is True)
    if name == "sockets":
        return count("socket")
    if name == "wildcard_sockets":
        return count("socket", lambda row: row["address"] in ("0.0.0.0", "::"))
    if name == "disk_percent":
        return next((row["percent"] for row in data["host"] if row["host"] == host and row["node"] == first
                     and row["kind"] == "disk" and row["subject"] == subject), None)
    return None


if __name__ == "__main__":
    sys.exit(contract.main({"audit": audit}))
