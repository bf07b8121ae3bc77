"""What auditors ask instead of the worker's code: dpkg-query, apt-cache, ss or the kernel's netlink, df, ps."""

import os
import re
import shutil
import socket
import struct
import subprocess
import time

from lib import contract

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNKNOWN_AGE_S = 60
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP_REQUEST = 0x301
_INODE = re.compile(r"\bino:(\d+)")


def run(command, timeout_s=60, data=None):
    """stdout of a command that must succeed."""
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, input=data,
                              env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise contract.Failed(f"can't verify: {command[0]}: {error}") from error
    if done.returncode != 0:
        raise contract.Failed(f"can't verify: {command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def available(program):
    return shutil.which(program, path=PATH) is not None


def began(agent):
    """Seconds since the epoch at which the audited output was surely not begun yet."""
    made = contract.made_at(agent.output_header.get("id", ""))
    return made - 10 if made is not None and made <= time.time() + 1 else time.time() - UNKNOWN_AGE_S


def check_identity(agent, rows):
    """Holds for every dataset: all rows arrived, and they are of the node and host that this auditor stands on."""
    total = agent.output_header.get("rows_total")
    if total is not None and total != len(rows):
        agent.finding("rows_total", f"{total} rows were announced, {len(rows)} arrived", [{"arrived": len(rows)}])
    here = contract.host_name()
    agent.finding("wrong_host", f"rows were not read on {here}, where this auditor can check them",
                  [r for r in rows if r.get("host") != here])
    worker = str(agent.output_header.get("worker", "")).rsplit(".", 1)[-1]
    agent.finding("wrong_node", f"rows name another node than their worker {worker}",
                  [r for r in rows if not worker.endswith(str(r.get("node")))])


def index(agent, rows, columns):
    """Rows by the given columns; a finding for those that share them."""
    found, doubles = {}, []
    for row in rows:
        key = tuple(row.get(c) for c in columns)
        if key in found:
            doubles.append(row)
        found[key] = row
    agent.finding("duplicate", f"rows share ({', '.join(columns)}) with another row", doubles)
    return found


def dpkg_packages(admin_folder=None):
    """{(name, architecture): (version, status)}."""
    command = ["dpkg-query", "-W", "-f", "${Package}\t${Architecture}\t${Version}\t${db:Status-Status}\n"]
    if admin_folder:
        command.insert(1, f"--admindir={admin_folder}")
    found = {}
    for line in run(command).splitlines():
        name, architecture, version, status = line.split("\t")
        found[(name, architecture)] = (version, status)
    return found


def touched_since(name, architecture, moment, info_folder="/var/lib/dpkg/info"):
    """True if dpkg changed the package's file list after the moment, or removed it at an unknown one."""
    for base in (name, f"{name}:{architecture}"):
        try:
            return os.path.getmtime(f"{info_folder}/{base}.list") > moment
        except OSError:
            continue
    try:
        return os.path.getmtime(info_folder) > moment
    except OSError:
        return False


def apt_upgrades(packages):
    """{(name, architecture): (installed, candidate, security)} by `apt-cache policy`, for installed packages."""
    names = {f"{n}:{a}": (n, a) for n, a in packages}
    return parse_policy(run(["apt-cache", "policy", *names]), packages)


def parse_policy(text, packages):
    """apt lists versions from new to old: what stands above the installed one (***) is newer."""
    native = next((a for n, a in packages if n == "dpkg"), "")
    found = {}
    for block in re.split(r"\n(?=\S)", text):
        lines = block.split("\n")
        name, _, architecture = lines[0].rstrip(":").partition(":")
        key = next((k for k in ((name, architecture), (name, native), (name, "all")) if k in packages), None)
        match = re.search(r"\n  Installed: (\S+)\n  Candidate: (\S+)\n", block)
        if not match or not key:
            continue
        installed, candidate = match.groups()
        newer, reached, security = [], False, False
        for line in lines[4:]:
            columns = line.split()
            # apt tells rebuilt packages of the same version apart; those are no upgrades.
            if columns[:1] in (["***"], [installed]):
                break
            if line.startswith("     ") and not line.startswith("        ") and columns:
                newer.append(columns[0])
                reached = reached or columns[0] == candidate
            elif reached and "security" in line.lower():
                security = True
        if candidate in newer:
            found[key] = (installed, candidate, security)
    return found


def listening():
    """({(protocol, address, port): set of inodes}, how it was asked)."""
    if available("ss"):
        return parse_ss(run(["ss", "-H", "-lntue"])), "ss"
    try:
        return netlink_sockets(), "netlink"
    except OSError as error:
        raise contract.Failed(f"can't verify: neither ss nor netlink: {error}") from error


def normal_address(text):
    """ss writes `*` for a dual-stack wildcard, brackets around IPv6 and `%interface` behind an address."""
    text = text.strip("[]").split("%")[0].strip("[]")
    if text == "*":
        return "::"
    if text.lower().startswith("::ffff:") and "." in text:
        return text[7:]
    return text


def parse_ss(text):
    found = {}
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < 6 or columns[0] not in ("tcp", "udp"):
            continue
        address, _, port = columns[4].rpartition(":")
        inode = _INODE.search(line)
        if port.isdigit():
            found.setdefault((columns[0], normal_address(address), int(port)), set()).add(
                int(inode[1]) if inode else 0)
    return found


def netlink_sockets():
    """Asks the kernel's sock_diag, as ss does."""
    found = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as link:
        link.settimeout(5)
        for family in (socket.AF_INET, socket.AF_INET6):
            for name, protocol, state in (("tcp", socket.IPPROTO_TCP, 10), ("udp", socket.IPPROTO_UDP, 7)):
                body = struct.pack("=BBBBI48s", family, protocol, 0, 0, 1 << state, bytes(48))
                link.send(struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, 1, 0) + body)
                _read_dump(link, name, found)
    return found


def _read_dump(link, name, found):
    while True:
        data = link.recv(1 << 18)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == 3:
                return
            if kind == 2:
                raise OSError("sock_diag refused the request")
            family = data[16]
            port = struct.unpack_from(">H", data, 20)[0]
            packed = data[24:28] if family == socket.AF_INET else data[24:40]
            address = normal_address(socket.inet_ntop(family, packed))
            inode = struct.unpack_from("=I", data, 16 + 68)[0]
            if port:
                found.setdefault((name, address, port), set()).add(inode)
            data = data[(length + 3) & ~3:]


def process_started(pid):
    """Seconds since the epoch, by ps; None if the process is gone."""
    try:
        text = run(["ps", "-o", "etimes=", "-p", str(pid)]).strip()
        return time.time() - int(text) if text else None
    except (contract.Failed, ValueError):
        return None


def inode_owners(inodes):
    """{inode: pid} by the kernel's fd links, for sockets whose process this user may look into."""
    found = {}
    wanted = {f"socket:[{i}]": i for i in inodes}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                inode = wanted.get(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
            except OSError:
                continue
            if inode is not None:
                found.setdefault(inode, int(pid))
    return found
