"""Canonical data, read with the command line tool that every agent process is given."""

import json
import os
import subprocess

from lib.contract import Failed


def read(dataset, timeout_s=30):
    """The rows of a dataset that passed their audits; an empty list if nothing was promoted yet."""
    binary = os.environ.get("CADRE_BIN")
    if not binary:
        raise Failed("CADRE_BIN is not set: canonical data can't be read")
    command = [binary, "data", "show", dataset, "--json", "--all"]
    if os.environ.get("CADRE_STATE"):
        command += ["--state", os.environ["CADRE_STATE"]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"`{' '.join(command)}`: {error}") from error
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace").strip()[-500:]
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}: {tail}")
    try:
        return [entry["row"] for entry in json.loads(done.stdout)["rows"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(f"`{' '.join(command)}` printed no rows: {error!r}") from error


def read_all(*datasets):
    return {name: read(name) for name in datasets}
