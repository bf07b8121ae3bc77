import os
import shutil
import socket
import unittest

import support
from lib import host, net, witness

SS = """tcp   LISTEN 0      128          0.0.0.0:8080      0.0.0.0:*    ino:1001 sk:1 cgroup:/ <->
tcp   LISTEN 0      128                *:22              *:*    ino:1006 sk:2 v6only:0 <->
tcp   LISTEN 0      128             [::]:80           [::]:*    ino:1011 sk:3 v6only:1 <->
tcp   LISTEN 0      128    127.0.0.53%lo:53        0.0.0.0:*    uid:101 ino:1012 sk:4 <->
udp   UNCONN 0      0      [fe80::1]%eth0:546         [::]:*    ino:1013 sk:5 <->
tcp   LISTEN 0      128  [::ffff:127.0.0.1]:9000         *:*    ino:1014 sk:6 <->
"""


class Sockets(unittest.TestCase):
    def setUp(self):
        self.rows = {(r["protocol"], r["address"], r["port"]): r for r in net.read_sockets(support.HOST)}

    def test_listening_sockets_only(self):
        self.assertEqual(set(self.rows), {
            ("tcp", "127.0.0.1", 22), ("tcp", "192.168.1.10", 80), ("tcp", "0.0.0.0", 8080), ("tcp", "::", 22),
            ("tcp", "::1", 25), ("tcp", "fe80::fea1:3bff:fc8:b2e", 547), ("udp", "0.0.0.0", 68)})

    def test_scopes(self):
        scopes = {key: row["scope"] for key, row in self.rows.items()}
        self.assertEqual(scopes["tcp", "0.0.0.0", 8080], "wildcard")
        self.assertEqual(scopes["tcp", "::", 22], "wildcard")
        self.assertEqual(scopes["tcp", "::1", 25], "loopback")
        self.assertEqual(scopes["tcp", "192.168.1.10", 80], "private")
        self.assertEqual(net.scope_of("8.8.8.8"), "public")
        self.assertEqual(net.scope_of("100.64.1.1"), "private")

    def test_shared_ports_are_one_row(self):
        self.assertEqual(self.rows["tcp", "0.0.0.0", 8080]["sockets"], 2)

    def test_owner(self):
        row = self.rows["tcp", "0.0.0.0", 8080]
        self.assertEqual((row["pid"], row["process"]), (42, "web-server"))
        self.assertEqual((self.rows["tcp", "::", 22]["pid"], self.rows["tcp", "::", 22]["process"]), (None, ""))

    def test_mapped_addresses_are_ipv4(self):
        self.assertEqual(net.decode_address("0000000000000000FFFF00000100007F:0016"), ("127.0.0.1", 22))


class Listening(unittest.TestCase):
    def test_ss(self):
        self.assertEqual(witness.parse_ss(SS), {
            ("tcp", "0.0.0.0", 8080): {1001}, ("tcp", "::", 22): {1006}, ("tcp", "::", 80): {1011},
            ("tcp", "127.0.0.53", 53): {1012}, ("udp", "fe80::1", 546): {1013}, ("tcp", "127.0.0.1", 9000): {1014}})

    def test_all_three_ways_see_a_real_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.bind(("::1", 0))
            wanted = {("tcp", "127.0.0.1", tcp.getsockname()[1]): os.fstat(tcp.fileno()).st_ino,
                      ("udp", "::1", udp.getsockname()[1]): os.fstat(udp.fileno()).st_ino}
            read = {(r["protocol"], r["address"], r["port"]): {r["inode"]} for r in net.read_sockets("/")}
            ways = {"proc": read, "netlink": witness.netlink_sockets()}
            if witness.available("ss"):
                ways["ss"] = witness.listening()[0]
            for way, found in ways.items():
                for key, inode in wanted.items():
                    with self.subTest(way=way, key=key[0]):
                        self.assertEqual(found.get(key), {inode})
            self.assertEqual(witness.inode_owners(set(wanted.values())), {i: os.getpid() for i in wanted.values()})


class Host(unittest.TestCase):
    def test_mounts(self):
        with open(os.path.join(support.HOST, "proc/mounts"), encoding="ascii") as file:
            self.assertEqual(list(host.parse_mounts(file.read())),
                             [("/dev/vda1", "/", "ext4"), ("/dev/vdb1", "/srv/with space", "xfs")])

    def test_memory(self):
        rows = {r["subject"]: r for r in host.memory(support.HOST)}
        self.assertEqual((rows["ram"]["value"], rows["ram"]["total"], rows["ram"]["percent"]),
                         (750 * 1024, 1000 * 1024, 75.0))
        self.assertEqual((rows["swap"]["value"], rows["swap"]["percent"]), (50 * 1024, 25.0))

    def test_uptime_load_and_zombies(self):
        rows = {r["kind"]: r for r in host.uptime_and_load(support.HOST)}
        self.assertEqual((rows["uptime"]["value"], rows["load"]["value"]), (12345.67, 0.5))
        self.assertEqual(host.zombies(support.HOST), ["web (old) server"])

    def test_age_of_lists(self):
        self.assertIsNone(host.list_age_hours("/nonexistent"))
        self.assertGreaterEqual(host.list_age_hours(support.HOST), 0)

    @unittest.skipUnless(shutil.which("df"), "needs df")
    def test_disks_of_this_host_agree_with_df(self):
        percent = {r["subject"]: r["percent"] for r in host.disks("/") if r["kind"] == "disk"}
        said = int(witness.run(["df", "-P", "/"]).splitlines()[-1].split()[-2].rstrip("%"))
        self.assertLessEqual(abs(percent["/"] - said), 2)


if __name__ == "__main__":
    unittest.main()
