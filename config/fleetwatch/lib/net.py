"""Listening sockets as /proc/net shows them. For workers; auditors ask the kernel over netlink (ss)."""

import ipaddress
import os
import struct

TCP_LISTEN = "0A"
UDP_UNCONNECTED = "07"
TABLES = (("tcp", "tcp", TCP_LISTEN), ("tcp6", "tcp", TCP_LISTEN),
          ("udp", "udp", UDP_UNCONNECTED), ("udp6", "udp", UDP_UNCONNECTED))
PRIVATE_EXTRA = ipaddress.ip_network("100.64.0.0/10")


def decode_address(text):
    """`0100007F:0016` -> ("127.0.0.1", 22). The kernel prints each 32-bit word in the host's byte order."""
    address, port = text.split(":")
    words = struct.unpack(f">{len(address) // 8}I", bytes.fromhex(address))
    packed = struct.pack(f"={len(words)}I", *words)
    parsed = ipaddress.ip_address(packed)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed), int(port, 16)


def scope_of(address):
    """wildcard, loopback, link, private, multicast or public."""
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified:
        return "wildcard"
    if parsed.is_loopback:
        return "loopback"
    if parsed.is_link_local:
        return "link"
    if parsed.is_multicast:
        return "multicast"
    if parsed.is_private or (parsed.version == 4 and parsed in PRIVATE_EXTRA):
        return "private"
    return "public"


def parse_table(text, protocol, state):
    for line in text.split("\n")[1:]:
        columns = line.split()
        if len(columns) < 10 or columns[3] != state:
            continue
        address, port = decode_address(columns[1])
        if port:
            yield {"protocol": protocol, "address": address, "port": port, "uid": int(columns[7]),
                   "inode": int(columns[9])}


def owners(inodes, root="/"):
    """{inode: (pid, process name)} for the sockets whose process this user may look into."""
    found, proc = {}, os.path.join(root, "proc")
    for pid in sorted((int(n) for n in os.listdir(proc) if n.isdigit())):
        if len(found) == len(inodes):
            break
        folder = f"{proc}/{pid}/fd"
        try:
            descriptors = os.listdir(folder)
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"{folder}/{descriptor}")
            except OSError:
                continue
            if target.startswith("socket:[") and (inode := int(target[8:-1])) in inodes and inode not in found:
                found[inode] = (pid, _process_name(f"{proc}/{pid}/comm"))
    return found


def _process_name(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def read_sockets(root="/"):
    """One row per (protocol, address, port); `sockets` counts those that share it (SO_REUSEPORT)."""
    rows = {}
    for table, protocol, state in TABLES:
        try:
            with open(os.path.join(root, "proc/net", table), encoding="ascii") as file:
                text = file.read()
        except OSError:
            continue
        for row in parse_table(text, protocol, state):
            key = (row["protocol"], row["address"], row["port"])
            if key in rows:
                rows[key]["sockets"] += 1
            else:
                rows[key] = dict(row, sockets=1)
    processes = owners({row["inode"] for row in rows.values()}, root)
    for row in rows.values():
        row["scope"] = scope_of(row["address"])
        row["pid"], row["process"] = processes.get(row["inode"], (None, ""))
    return [rows[key] for key in sorted(rows)]
