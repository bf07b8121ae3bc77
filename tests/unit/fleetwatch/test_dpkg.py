import itertools
import os
import shutil
import subprocess
import tempfile
import unittest

import support
from lib import dpkg, witness

VERSIONS = ["1.0", "1.0-1", "1.0-0", "1.0~rc1", "1.0~~", "1.0~rc1-1", "1:0.5", "0:1.0", "1.0a", "1.0+b1", "1.0-1+b2",
            "1.00", "1.0.1", "1.10", "1.9", "2.36-9+deb12u9", "2.36-9+deb12u10", "1.0-1~bpo12+1", "09", "9", "a1", "1.a", "1.+",
            "1-2-3", "1-2", "20250419~deb12u2", "20230311+deb12u1"]


class Versions(unittest.TestCase):
    def test_order_is_that_of_dpkg(self):
        wrong = []
        pairs = list(itertools.product(VERSIONS, VERSIONS))
        script = "".join(f"dpkg --compare-versions '{a}' lt '{b}' 2>/dev/null && echo lt || "
                         f"{{ dpkg --compare-versions '{a}' eq '{b}' 2>/dev/null && echo eq || echo gt; }}\n"
                         for a, b in pairs)
        said = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True).stdout.split()
        for (a, b), word in zip(pairs, said, strict=True):
            if dpkg.compare_versions(a, b) != {"lt": -1, "eq": 0, "gt": 1}[word]:
                wrong.append((a, word, b))
        self.assertEqual(wrong, [])

    def test_tilde_sorts_before_the_end(self):
        self.assertEqual(dpkg.compare_versions("1.0~rc1", "1.0"), -1)
        self.assertEqual(dpkg.compare_versions("1.0", "1.0"), 0)
        self.assertEqual(dpkg.compare_versions("1:0", "9"), 1)


class Status(unittest.TestCase):
    def test_fixture_reads_as_dpkg_query_does(self):
        packages = dpkg.read_packages(support.HOST)
        mine = {(p["name"], p["architecture"]): (p["version"], p["status"]) for p in packages}
        self.assertEqual(mine, witness.dpkg_packages(os.path.join(support.HOST, "var/lib/dpkg")))
        self.assertEqual(len(packages), 7)

    def test_this_host_reads_as_dpkg_query_does(self):
        listed = subprocess.run(["dpkg-query", "-f", ".\n", "-W"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(len(dpkg.read_packages("/")), len(listed.splitlines()))

    def test_fields_of_a_stanza(self):
        apt = next(p for p in dpkg.read_packages(support.HOST) if p["name"] == "apt")
        self.assertEqual(apt, {"name": "apt", "architecture": "amd64", "version": "2.6.1", "status": "installed",
                               "held": False, "section": "admin", "installed_kib": 4232})

    def test_hold_and_native_architecture(self):
        packages = dpkg.read_packages(support.HOST)
        self.assertEqual([p["name"] for p in packages if p["held"]], ["held-tool"])
        self.assertEqual(dpkg.native_architecture(packages), "amd64")

    def test_pending_updates_of_a_dpkg_at_work_count(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(support.HOST, folder, dirs_exist_ok=True, symlinks=True)
            updates = os.path.join(folder, "var/lib/dpkg/updates")
            os.mkdir(updates)
            with open(os.path.join(updates, "0001"), "w", encoding="utf-8") as file:
                file.write("Package: apt\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 2.6.2\n")
            packages = {p["name"]: p for p in dpkg.read_packages(folder)}
        self.assertEqual((packages["apt"]["version"], packages["apt"]["status"]), ("2.6.2", "unpacked"))


if __name__ == "__main__":
    unittest.main()
