#!/usr/bin/python3 -S
"""Drafts the page that people read, from canonical data: dataset `page`, one row per line, at most 40.

Each row carries the line's text and its claims, {claim, host, kind, subject, value}: a number that stands in the text
outside of `backticks` must be one of them. Names and commands stand in backticks.
"""

import sys

from lib import canonical, contract

LINES_MAX = 40
NAMES_PER_LINE_MAX = 6
LINES_PER_GROUP_MAX = 6
GROUPED = {"security": "security upgrades", "upgrade": "other upgrades"}


def claim(name, value, host="", kind="", subject=""):
    return {"claim": name, "host": host, "kind": kind, "subject": subject, "value": value}


def run(agent):
    data = canonical.read_all("package", "upgrade", "host", "socket", "action")
    lines = draft(data)
    rows = [{"line": i, "section": section, "text": text, "claims": claims}
            for i, (section, text, claims) in enumerate(lines[:LINES_MAX], 1)]
    agent.metric("lines", len(rows))
    agent.metric("claims", sum(len(r["claims"]) for r in rows))
    agent.output("page", rows)


def draft(data):
    places = {}
    for rows in (data["package"], data["host"]):
        for row in rows:
            places.setdefault(row["host"], set()).add(row["node"])
    if not places:
        return [("state", "No canonical data yet.", [])]
    nodes = sum(len(n) for n in places.values())
    lines = [("state", f"Hosts watched: {len(places)}, by {nodes} nodes. Things to do: {len(data['action'])}.",
              [claim("hosts", len(places)), claim("nodes", nodes), claim("actions", len(data["action"]))])]
    lines += [host_line(data, host, sorted(places[host])[0]) for host in sorted(places)][:15]
    return lines + todo_lines(sorted(data["action"], key=lambda a: a["rank"]))


def host_line(data, host, node):
    """Nodes that share a host read the same machine; the first one's rows stand for it."""
    mine = {name: [r for r in rows if r["host"] == host and r["node"] == node] for name, rows in data.items()}
    security = sum(r["security"] for r in mine["upgrade"])
    wildcard = sum(r["scope"] == "wildcard" for r in mine["socket"])
    claims = [claim("packages", len(mine["package"]), host), claim("upgrades", len(mine["upgrade"]), host),
              claim("security_upgrades", security, host), claim("sockets", len(mine["socket"]), host),
              claim("wildcard_sockets", wildcard, host)]
    text = (f"`{host}`: {len(mine['package'])} packages, {len(mine['upgrade'])} upgrades of which {security} close "
            f"security holes, {len(mine['socket'])} listening sockets of which {wildcard} on every address")
    disk = max((r for r in mine["host"] if r["kind"] == "disk"), key=lambda r: r["percent"], default=None)
    if disk:
        text += f", fullest disk `{disk['subject']}` at {disk['percent']} %"
        claims.append(claim("disk_percent", disk["percent"], host, subject=disk["subject"]))
    return "state", text + ".", claims


def todo_lines(actions):
    groups = {}
    for action in actions:
        groups.setdefault((action["kind"], action["host"]), []).append(action)
    lines = []
    for (kind, host), members in groups.items():
        if kind in GROUPED:
            names = list(dict.fromkeys(a["subject"].split(":")[0] for a in members))[:NAMES_PER_LINE_MAX]
            told = ", ".join(f"`{n}`" for n in names) + (" and the others" if len(members) > len(names) else "")
            lines.append(("today" if kind == "security" else "later",
                          f"`{host}`: install {len(members)} {GROUPED[kind]}: {told}.",
                          [claim("actions_of_kind", len(members), host, kind)]))
            continue
        for action in members[:LINES_PER_GROUP_MAX]:
            lines.append(("today" if action["score"] >= 55 else "later",
                          f"`{host}`: `{action['why']}`. Do: `{action['do']}`",
                          [claim("action", action["rank"], host, kind, action["subject"])]))
        if len(members) > LINES_PER_GROUP_MAX:
            lines.append(("later", f"`{host}`: {len(members)} actions of kind `{kind}` in all.",
                          [claim("actions_of_kind", len(members), host, kind)]))
    return lines


if __name__ == "__main__":
    sys.exit(contract.main({"run": run}))
