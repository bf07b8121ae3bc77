"""Which upgrades apt's package lists offer. For workers; auditors ask apt itself.

The candidate is chosen as apt_preferences(5) says: by priority, then by version, never a downgrade. Lists have priority
500, 100 if NotAutomatic with ButAutomaticUpgrades (backports), 1 if NotAutomatic (experimental); pins change that.
"""

import bz2
import fnmatch
import gzip
import lzma
import os
import re
import subprocess

from lib.dpkg import compare_versions, version_key

CHUNK_BYTES = 4 * 1024 * 1024
INSTALLED_PRIORITY = 100
_LIST_NAME = re.compile(r"^(?P<base>.+)_(?P<file>Packages)(?:\.(?:lz4|xz|gz|bz2|zst|lzma))?$")
_BINARY = re.compile(r"^(?P<component>.+)_binary-(?P<architecture>[^_]+)$")
_RELEASE_FIELDS = {"Origin": "o", "Label": "l", "Suite": "a", "Codename": "n", "Version": "v"}


class PackageList:
    """One `*_Packages` file with what its Release file says about it."""

    def __init__(self, path, site, release, component):
        self.path = path
        self.site = site
        self.release = dict(release, c=component)
        self.priority = 500
        if release.get("NotAutomatic") == "yes":
            self.priority = 100 if release.get("ButAutomaticUpgrades") == "yes" else 1
        names = " ".join(release.get(k, "") for k in ("a", "n", "l"))
        self.security = "security" in (names or os.path.basename(path)).lower()
        self.suite = release.get("a") or release.get("n") or ""


INSTALLED = PackageList("", "", {"a": "now"}, "")


def find_lists(root="/"):
    folder = os.path.join(root, "var/lib/apt/lists")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    releases = {}
    for name in names:
        for ending in ("_InRelease", "_Release"):
            if name.endswith(ending):
                releases.setdefault(name[:-len(ending)], _read_release(os.path.join(folder, name)))
    lists = []
    for name in names:
        match = _LIST_NAME.match(name)
        if not match:
            continue
        base = match["base"]
        prefix = max((p for p in releases if base == p or base.startswith(p + "_")), key=len, default="")
        rest = _BINARY.match(base[len(prefix) + 1:]) if prefix else None
        lists.append(PackageList(os.path.join(folder, name), name.split("_", 1)[0], releases.get(prefix, {}),
                                 rest["component"] if rest else ""))
    return lists


def _read_release(path):
    release = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            name, colon, value = line.rstrip("\n").partition(": ")
            if name in ("SHA256:", "MD5Sum:", "SHA1:"):
                break
            if colon and name in _RELEASE_FIELDS:
                release[_RELEASE_FIELDS[name]] = value.strip()
            elif colon and name in ("NotAutomatic", "ButAutomaticUpgrades"):
                release[name] = value.strip()
    return release


def _chunks(path):
    """The uncompressed bytes of a list. apt's helper knows what the standard library does not (lz4, zstd)."""
    ending = path.rsplit(".", 1)[-1]
    opener = {"gz": gzip.open, "xz": lzma.open, "lzma": lzma.open, "bz2": bz2.open}.get(ending)
    if opener or ending not in ("lz4", "zst"):
        with (opener or open)(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        return
    command = ["/usr/lib/apt/apt-helper", "cat-file", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        while chunk := helper.stdout.read(CHUNK_BYTES):
            yield chunk
        error = helper.stderr.read().decode(errors="replace").strip()
    if helper.returncode != 0:
        raise OSError(f"apt-helper could not read {path}: {error[-200:]}")


def stanzas_of(path, names):
    """(name, architecture, version) of the stanzas whose package is in `names` (bytes). Streams; looks at few."""
    rest = b""
    for chunk in _chunks(path):
        pieces = (rest + chunk).split(b"\n\n")
        rest = pieces.pop()
        yield from filter(None, (_stanza(piece, names) for piece in pieces))
    found = _stanza(rest, names)
    if found:
        yield found


def _stanza(piece, names):
    piece = piece.lstrip(b"\n")
    if not piece.startswith(b"Package: "):
        start = piece.find(b"\nPackage: ") + 1
        if start == 0:
            return None
        piece = piece[start:] + b"\n" + piece[:start]
    end = piece.find(b"\n")
    name = piece[9:end if end > 0 else None].strip()
    if name not in names:
        return None
    return name.decode(), _field(piece, b"\nArchitecture: "), _field(piece, b"\nVersion: ")


def _field(piece, marker):
    start = piece.find(marker)
    if start < 0:
        return ""
    end = piece.find(b"\n", start + len(marker))
    return piece[start + len(marker):end if end > 0 else None].strip().decode()


class Pins:
    """apt's preferences files. A pin for named packages decides alone; a pin for `*` changes a list's priority."""

    def __init__(self, root="/"):
        self.specific, self.general, self.unread = [], [], []
        for path in _preference_files(root):
            with open(path, encoding="utf-8", errors="replace") as file:
                self._parse(file.read())

    def _parse(self, text):
        text = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
        for stanza in re.split(r"\n\s*\n", text):
            fields = {m[1].lower(): m[2].strip() for m in re.finditer(r"^([\w-]+):[ \t]*(.*)$", stanza, re.M)}
            if not {"package", "pin", "pin-priority"} <= fields.keys():
                continue
            kind, _, value = fields["pin"].partition(" ")
            try:
                priority = int(fields["pin-priority"])
            except ValueError:
                self.unread.append(stanza.strip())
                continue
            names = fields["package"].split()
            if kind not in ("release", "origin", "version") or any(n.startswith(("src:", "/")) for n in names):
                self.unread.append(stanza.strip())
            elif names == ["*"]:
                self.general.append((kind, value.strip(), priority))
            else:
                self.specific.append(([n.split(":")[0] for n in names], kind, value.strip(), priority))

    def list_priority(self, source):
        for kind, value, priority in self.general:
            if kind != "version" and pin_matches(kind, value, source, ""):
                return priority
        return source.priority

    def version_priority(self, name, version, source):
        """The priority that a pin of this package gives to the version, or None."""
        for names, kind, value, priority in self.specific:
            if any(fnmatch.fnmatchcase(name, n) for n in names) and pin_matches(kind, value, source, version):
                return priority
        return None


def _preference_files(root):
    folder = os.path.join(root, "etc/apt/preferences.d")
    paths = [os.path.join(root, "etc/apt/preferences")]
    if os.path.isdir(folder):
        paths += [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if "." not in n or n.endswith(".pref")]
    return [p for p in paths if os.path.isfile(p)]


def pin_matches(kind, value, source, version):
    if kind == "version":
        return fnmatch.fnmatchcase(version, value)
    if kind == "origin":
        return fnmatch.fnmatchcase(source.site, value.strip('"'))
    for part in value.split(","):
        key, equals, wanted = part.strip().partition("=")
        if not equals:
            if part.strip() not in (source.release.get("a"), source.release.get("n")):
                return False
        elif not fnmatch.fnmatchcase(source.release.get(key.strip(), ""), wanted.strip().strip('"')):
            return False
    return True


def find_upgrades(packages, native, root="/"):
    """(upgrades, lists, pins not understood). An upgrade is a dict without node and host."""
    lists, pins = find_lists(root), Pins(root)
    installed = {(p["name"], native if p["architecture"] == "all" else p["architecture"]): p
                 for p in packages if p["status"] == "installed"}
    names = {p["name"].encode() for p in installed.values()}
    offers = {}
    for source in lists:
        source.priority = pins.list_priority(source)
        for name, architecture, version in stanzas_of(source.path, names):
            key = (name, native if architecture == "all" else architecture)
            if key in installed:
                offers.setdefault(key, []).append((version, source))
    upgrades = []
    for key in sorted(offers):
        upgrade = choose(installed[key], offers[key], pins)
        if upgrade:
            upgrades.append(upgrade)
    return upgrades, lists, pins.unread


def choose(package, offers, pins):
    """The upgrade that apt would pick out of `offers` for an installed package, or None."""
    current = package["version"]
    if all(version == current for version, _ in offers):
        return None
    pinned = pins.version_priority(package["name"], current, INSTALLED)
    priorities = {current: INSTALLED_PRIORITY if pinned is None else pinned}
    for version, source in offers:
        pinned = pins.version_priority(package["name"], version, source)
        priority = source.priority if pinned is None else pinned
        priorities[version] = max(priorities.get(version, priority), priority)
    allowed = [v for v, priority in priorities.items() if priority >= 0 and compare_versions(v, current) >= 0]
    best = max(allowed, key=lambda v: (priorities[v], version_key(v)), default=current)
    if compare_versions(best, current) <= 0:
        return None
    newer = [(v, s) for v, s in offers if compare_versions(v, current) > 0 and compare_versions(v, best) <= 0]
    suites = sorted({s.suite for v, s in newer if v == best and s.suite})
    return {"name": package["name"], "architecture": package["architecture"], "installed": current, "candidate": best,
            "security": any(s.security for _, s in newer), "suite": ",".join(suites), "held": package["held"]}
