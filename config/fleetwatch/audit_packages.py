#!/usr/bin/python3 -S
"""Checks datasets `package` and `upgrade` against dpkg-query and apt-cache policy. Shares no parser with the worker.

A difference is excused only for a package that dpkg, or lists that apt, changed after the output was begun.
"""

import glob
import os
import sys

from lib import contract, witness

KEY = ("name", "architecture")


def audit(agent):
    rows = agent.rows()
    witness.check_identity(agent, rows)
    dataset = agent.output_header.get("dataset")
    check = {"package": audit_package, "upgrade": audit_upgrade}.get(dataset)
    if check:
        check(agent, witness.index(agent, rows, KEY), witness.began(agent))
    else:
        agent.journal(f"{dataset} is another auditor's; only rows, node and host were checked")


def audit_package(agent, rows, began):
    truth = witness.dpkg_packages()
    agent.metric("dpkg_query_packages", len(truth))
    report(agent, "dpkg-query", rows, truth, lambda row: (row.get("version"), row.get("status")), began, False)


def audit_upgrade(agent, rows, began):
    installed = {key for key, (_, status) in witness.dpkg_packages().items() if status == "installed"}
    truth = witness.apt_upgrades(installed)
    agent.metric("apt_upgrades", len(truth))
    updated = [p for p in glob.glob("/var/lib/apt/lists/*Packages*") if os.path.getmtime(p) > began]
    report(agent, "apt-cache policy", rows, truth,
           lambda row: (row.get("installed"), row.get("candidate"), row.get("security")), began, bool(updated))


def report(agent, witness_name, rows, truth, claim_of, began, all_moved):
    missing = [dict(zip(KEY, key), truth=list(truth[key])) for key in sorted(truth.keys() - rows.keys())]
    extra = [rows[key] for key in sorted(rows.keys() - truth.keys(), key=str)]
    wrong = [dict(rows[key], truth=list(truth[key])) for key in sorted(rows.keys() & truth.keys())
             if claim_of(rows[key]) != truth[key]]
    for check, text, concerned in (("missing", "lists rows that the output lacks", missing),
                                   ("unknown", "does not know rows of the output", extra),
                                   ("wrong", "says otherwise about rows of the output", wrong)):
        moved = [row for row in concerned
                 if all_moved or witness.touched_since(row.get("name"), row.get("architecture"), began)]
        if moved:
            agent.journal(f"{len(moved)} differences ({check}) come from changes after the reading", "warning",
                          sample=moved[:5])
        agent.finding(check, f"{witness_name} {text}", [row for row in concerned if row not in moved])


if __name__ == "__main__":
    sys.exit(contract.main({"audit": audit}))
