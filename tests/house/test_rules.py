"""House rules: what a review would otherwise have to catch by eye."""
import os
import re
import shutil
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = ("schemas", "config", "bus", "storage", "actors")
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "CHANGELOG.md", "actors", "bus", "schemas",
             "storage", "config", "deploy", "tests"}
FILE_LINES_MAX = 600

# What a room may include of the others (its own always).
MAY_INCLUDE = {
    "schemas": set(),
    "config": {"schemas"},
    "bus": {"schemas", "config"},
    "storage": {"schemas", "config"},
    "actors": {"schemas", "config", "bus", "storage"},
}
# Libraries that only one place may see.
FENCED = {
    r"nats(/.*)?\.h": ("bus/", "tests/bench/"),
    r"(pqxx(/.*)?|libpq-fe\.h|libpq-events\.h|postgres_ext\.h)": ("storage/", "tests/"),
    r"cctz/.*": ("config/zone.cpp",),
    r"yaml-cpp/.*": ("config/", "tests/unit/config/", "tests/fuzz/"),
    # Header-only, or nearly: compiled into every file that includes them.
    r"CLI/.*": ("actors/cli/command_line.cpp", "actors/cli/completion.cpp"),
    r"nlohmann/json\.hpp": ("schemas/json.hpp", "tests/"),
    r"spdlog/.*": ("schemas/log.cpp", "actors/cli/fleet_commands.cpp", "actors/launch/up.cpp", "tests/"),
    r"boost/(beast|asio).*": ("actors/gateway/", "tests/"),
    r"(curl|openssl)/.*": ("actors/http/",),
}


def tracked() -> list[str]:
    """Files that git knows or would add; without git, everything but build output."""
    try:
        out = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                             capture_output=True, text=True, check=True).stdout.splitlines()
        return sorted(p for p in set(out) if os.path.isfile(os.path.join(ROOT, p)))
    except (OSError, subprocess.CalledProcessError):
        out = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in {".git", "build", ".cadre", "__pycache__"}]
            out += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
        return sorted(out)


def read(path: str) -> str:
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


FILES = tracked()
CODE = [p for p in FILES if p.endswith((".hpp", ".cpp"))]


def includes(path: str) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', read(path), re.MULTILINE)


def first_line(path: str) -> str:
    return read(path).split("\n", 1)[0]


def scripts() -> list[str]:
    """Bash: by its first line, or a file meant to be sourced."""
    return [p for p in FILES if p.endswith(".sh") or
            ("." not in os.path.basename(p) and re.match(r"#!.*\bbash\b", first_line(p)))]


class HouseRules(unittest.TestCase):
    maxDiff = None

    def none(self, offences: list[str]) -> None:
        self.assertEqual([], offences)

    def test_there_is_something_to_check(self):
        self.assertGreater(len(CODE), 20)
        self.assertGreater(len(scripts()), 3)

    def test_rooms_include_only_what_they_may(self):
        offences = []
        for path in CODE:
            room = path.split("/", 1)[0]
            for name in includes(path) if room in ROOMS else []:
                other = name.split("/", 1)[0]
                if "/" in name and other in ROOMS and other != room and other not in MAY_INCLUDE[room]:
                    offences.append(f"{path} includes {name}")
        self.none(offences)

    def test_libraries_stay_in_their_room(self):
        offences = []
        for path in CODE:
            for name in includes(path):
                for pattern, homes in FENCED.items():
                    if re.fullmatch(pattern, name) and not path.startswith(homes):
                        offences.append(f"{path} includes {name}, which belongs to {homes[0]}")
        self.none(offences)

    def test_files_are_short(self):
        texts = [p for p in FILES if p.endswith((".hpp", ".cpp", ".py", ".sql", ".sh")) or p in scripts()]
        self.none([f"{p}: {n} lines" for p in texts if (n := read(p).count("\n")) > FILE_LINES_MAX])

    def test_nothing_is_left_for_later(self):
        marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
        self.none([f"{p}:{n}: {line.strip()}" for p in CODE + scripts()
                   for n, line in enumerate(read(p).split("\n"), 1) if marks.search(line)])

    def test_headers_are_included_once(self):
        self.none([p for p in CODE if p.endswith(".hpp") and "#pragma once" not in read(p)])

    def test_every_room_says_what_it_is(self):
        self.none([r for r in (*ROOMS, "deploy", "tests") if not os.path.isfile(os.path.join(ROOT, r, "README.md"))])

    def test_proofs_of_failures_are_tests(self):
        named = set(re.findall(r"`((?:test_)?[a-z]+(?:_[a-z0-9]+){2,})`", read("tests/FAILURES.md")))
        there = set()
        for path in FILES:
            if path.startswith("tests/") and path.endswith((".cpp", ".py")):
                there |= set(re.findall(r"(?:TEST_CASE\(|def )([a-z]\w+)", read(path)))
        self.assertTrue(named)
        self.assertEqual(named - there, set(), "no such test")

    def test_the_top_level_holds_only_rooms(self):
        top = {p.split("/", 1)[0] for p in FILES}
        self.none(sorted(t for t in top if t not in TOP_LEVEL and not t.startswith(".")))

    def test_scripts_parse_and_can_be_run(self):
        offences = []
        for path in scripts():
            done = subprocess.run(["bash", "-n", os.path.join(ROOT, path)], capture_output=True, text=True, check=False)
            if done.returncode:
                offences.append(done.stderr.strip())
            if not path.endswith(".sh") and not os.access(os.path.join(ROOT, path), os.X_OK):
                offences.append(f"{path} is not executable")
        self.none(offences)

    def test_packages_are_listed_with_a_reason(self):
        lines = [line for line in read("deploy/packages.txt").split("\n") if line and not line.startswith("#")]
        self.none([line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+ +# \S.*", line)])

    @unittest.skipUnless(shutil.which("clang-format"), "clang-format is not installed")
    def test_code_is_formatted(self):
        done = subprocess.run(["clang-format", "--dry-run", "--Werror", *CODE], cwd=ROOT, capture_output=True, text=True,
                              check=False)
        self.none(sorted(set(re.findall(r"^([^:\n]+\.[ch]pp):", done.stderr, re.MULTILINE))))


if __name__ == "__main__":
    unittest.main()
