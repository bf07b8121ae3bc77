"""The package state as dpkg keeps it on disk, and dpkg's order of versions. For workers; auditors ask dpkg itself."""

import functools
import os


def stanza_fields(stanza, wanted):
    """The first line of each wanted field (lower case names) of one deb822 stanza."""
    fields = {}
    for line in stanza.split("\n"):
        if line[:1] in (" ", "\t", ""):
            continue
        name, colon, value = line.partition(":")
        if colon and name.lower() in wanted:
            fields[name.lower()] = value.strip()
    return fields


def read_packages(root="/"):
    """Every package that dpkg knows and that is not `not-installed`: what `dpkg-query -W` lists."""
    folder = os.path.join(root, "var/lib/dpkg")
    packages = {}
    for path in [os.path.join(folder, "status"), *_journal_files(os.path.join(folder, "updates"))]:
        with open(path, encoding="utf-8", errors="replace") as file:
            for package in parse_status(file.read()):
                packages[(package["name"], package["architecture"])] = package
    return [p for p in packages.values() if p["status"] != "not-installed"]


def _journal_files(folder):
    """What a dpkg at work has decided and not yet merged into the status file, in order."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.isdigit()]
    except OSError:
        return []


def parse_status(text):
    wanted = {"package", "status", "architecture", "version", "config-version", "installed-size", "section"}
    for stanza in text.split("\n\n"):
        fields = stanza_fields(stanza, wanted)
        status = fields.get("status", "").split()
        if "package" not in fields or len(status) != 3:
            continue
        size = fields.get("installed-size", "")
        yield {"name": fields["package"], "architecture": fields.get("architecture", ""),
               "version": fields.get("version") or fields.get("config-version", ""), "status": status[2],
               "held": status[0] == "hold", "section": fields.get("section", ""),
               "installed_kib": int(size) if size.isdigit() else None}


def native_architecture(packages):
    """dpkg's own package is always of the native architecture."""
    for package in packages:
        if package["name"] == "dpkg":
            return package["architecture"]
    real = [p["architecture"] for p in packages if p["architecture"] not in ("", "all")]
    return max(set(real), key=real.count) if real else ""


def _weight(char):
    """`~` sorts before the end of the string, letters before other characters."""
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256


def _compare_part(left, right):
    i = j = 0
    while i < len(left) or j < len(right):
        while (i < len(left) and not left[i].isdigit()) or (j < len(right) and not right[j].isdigit()):
            a = _weight(left[i]) if i < len(left) and not left[i].isdigit() else 0
            b = _weight(right[j]) if j < len(right) and not right[j].isdigit() else 0
            if a != b:
                return -1 if a < b else 1
            i, j = i + 1, j + 1
        start_i, start_j = i, j
        while i < len(left) and left[i].isdigit():
            i += 1
        while j < len(right) and right[j].isdigit():
            j += 1
        a, b = int(left[start_i:i] or "0"), int(right[start_j:j] or "0")
        if a != b:
            return -1 if a < b else 1
    return 0


def _split_version(version):
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch) if epoch.isdigit() else 0, upstream, revision


def compare_versions(left, right):
    """-1, 0 or 1, as `dpkg --compare-versions` orders them (deb-version(7))."""
    if left == right:
        return 0
    epoch_a, upstream_a, revision_a = _split_version(left)
    epoch_b, upstream_b, revision_b = _split_version(right)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    return _compare_part(upstream_a, upstream_b) or _compare_part(revision_a, revision_b)


version_key = functools.cmp_to_key(compare_versions)
