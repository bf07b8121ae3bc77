"""Node.js programs with packages from npm, as tests start them: installed once below build/, from a lock file."""
import os
import shutil
import subprocess

from company import ROOT

INSTALL_S_MAX = 600


def call(words, cwd=None):
    done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S_MAX, stdin=subprocess.DEVNULL,
                          cwd=cwd, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")


def install_npm():
    """Not in deploy/packages.txt: only tests want it, and Debian's conflicts with a Node.js that brings its own."""
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
    if os.getuid() != 0:
        apt = ["sudo", "-n", *apt]
    call([*apt, "update"])
    call([*apt, "install", "-y", "--no-install-recommends", "npm"])


def same(one, other):
    try:
        with open(one, "rb") as a, open(other, "rb") as b:
            return a.read() == b.read()
    except FileNotFoundError:
        return False


def install(folder, *programs):
    """The packages that `folder` locks and copies of `programs`, in one folder; that, and its Node.js. Cheap when they
    are there. Node.js comes as a package, too: of one version, wherever the tests run."""
    cache = os.path.join(ROOT, "build", "e2e", os.path.basename(folder))
    os.makedirs(cache, exist_ok=True)
    for path in (os.path.join(folder, "package.json"), os.path.join(folder, "package-lock.json"), *programs):
        shutil.copy(path, cache)
    lock, installed = (os.path.join(cache, name) for name in ("package-lock.json", "installed.lock"))
    if not same(lock, installed):
        if not shutil.which("npm"):
            install_npm()
        # Not `npm ci`: it refuses a lock when a registry lacks optional packages that are for other platforms.
        call(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=cache)
        shutil.copy(os.path.join(folder, "package-lock.json"), installed)
    return cache, os.path.join(cache, "node_modules", ".bin", "node")
