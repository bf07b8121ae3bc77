"""Disks, memory, uptime, load, failed units, zombies and the age of apt's lists, as rows of one shape.

A row is {kind, subject, value, unit, total, percent, detail}: `value` in `unit`, out of `total` where there is one.
"""

import os
import shutil
import subprocess
import time

REAL_FILESYSTEMS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "vfat",
                    "exfat", "ntfs", "ntfs3", "fuseblk"}


def fact(kind, subject, value, unit, total=None, percent=None, detail=""):
    return {"kind": kind, "subject": subject, "value": value, "unit": unit, "total": total, "percent": percent,
            "detail": detail}


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def share(part, total):
    return round(100.0 * part / total, 1) if total else 0.0


def parse_mounts(text):
    """(device, mount point, type) of real filesystems, each device once: its first mount."""
    seen = set()
    for line in text.split("\n"):
        columns = line.split()
        if len(columns) < 3:
            continue
        device, point, kind = columns[:3]
        for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(code, char)
        if device.startswith("/dev/loop") or (kind not in REAL_FILESYSTEMS and point != "/") or device in seen:
            continue
        seen.add(device)
        yield device, point, kind


def disks(root="/"):
    for device, point, kind in parse_mounts(_read(os.path.join(root, "proc/mounts"))):
        try:
            stat = os.statvfs(point)
        except OSError:
            continue
        # As df counts: what only root may use is neither used nor available.
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        usable = used + stat.f_bavail * stat.f_frsize
        if stat.f_blocks:
            yield fact("disk", point, used, "B", usable, share(used, usable), f"{device} {kind}")
        if stat.f_files:
            inodes = stat.f_files - stat.f_ffree
            yield fact("inode", point, inodes, "inodes", stat.f_files, share(inodes, stat.f_files), device)


def memory(root="/"):
    values = {}
    for line in _read(os.path.join(root, "proc/meminfo")).split("\n"):
        columns = line.split()
        if len(columns) >= 2:
            values[columns[0].rstrip(":")] = int(columns[1]) * 1024
    total = values.get("MemTotal", 0)
    used = total - values.get("MemAvailable", values.get("MemFree", 0))
    yield fact("memory", "ram", used, "B", total, share(used, total))
    if swap := values.get("SwapTotal", 0):
        used = swap - values.get("SwapFree", 0)
        yield fact("memory", "swap", used, "B", swap, share(used, swap))


def uptime_and_load(root="/"):
    yield fact("uptime", "boot", float(_read(os.path.join(root, "proc/uptime")).split()[0]), "s")
    load = float(_read(os.path.join(root, "proc/loadavg")).split()[0])
    yield fact("load", "1m", load, "processes", os.cpu_count(), share(load, os.cpu_count() or 1))


def failed_units():
    """None where systemd does not run."""
    if not shutil.which("systemctl") or not os.path.isdir("/run/systemd/system"):
        return None
    command = ["systemctl", "list-units", "--state=failed", "--no-legend", "--plain", "--no-pager"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return [line.split()[0] for line in done.stdout.split("\n") if line.split()]


def zombies(root="/"):
    """Names of processes that ended and that nobody waited for."""
    names, proc = [], os.path.join(root, "proc")
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            head, _, tail = _read(f"{proc}/{pid}/stat").rpartition(")")
        except OSError:
            continue
        if tail.split()[:1] == ["Z"]:
            names.append(head.partition("(")[2])
    return sorted(names)


def list_age_hours(root="/"):
    """Hours since `apt-get update` last brought news; None without lists. The newest Release file tells."""
    folder = os.path.join(root, "var/lib/apt/lists")
    try:
        releases = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith("Release")]
        if not releases:
            return None
        stamp = os.path.join(root, "var/lib/apt/periodic/update-success-stamp")
        newest = max(os.path.getmtime(p) for p in [*releases, *filter(os.path.exists, [stamp])])
    except OSError:
        return None
    return round(max(0.0, time.time() - newest) / 3600, 1)


def read_host(root="/"):
    rows = [*disks(root), *memory(root), *uptime_and_load(root)]
    units = failed_units()
    rows += [fact("unit", name, 1, "failed") for name in units or []]
    ended = zombies(root)
    rows.append(fact("process", "zombie", len(ended), "processes", detail=", ".join(sorted(set(ended)))[:200]))
    age = list_age_hours(root)
    rows.append(fact("lists", "apt", age, "h", detail="" if age is not None else "no package lists"))
    reboot = os.path.exists(os.path.join(root, "run/reboot-required"))
    rows.append(fact("reboot", "required", int(reboot), "yes/no"))
    return rows, units is not None
