"""What a node says about its health: to systemd through $NOTIFY_SOCKET, to people in its log."""
import os
import signal
import socket
import time
import unittest.mock

from company import CompanyCase, alive, response, wait_for

CONFIG = {"company": "watched", "nodes": {"one": {"roles": ["control", "work"]}}, "fleet": {"lease": "1s"},
          "org": {"ceo": {"role": "ceo", "reports": {"work": {"role": "worker", "mode": "jobs", "run": {
              "command": ["sh", "-c", response()]}}}}}}


class Watched(CompanyCase):
    def setUp(self):
        name = f"cadre-e2e-{os.getpid()}"
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind("\0" + name)
        self.socket.setblocking(False)
        environment = unittest.mock.patch.dict(os.environ, {"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "400000"})
        environment.start()
        self.addCleanup(environment.stop)

    def listen(self):
        try:
            while True:
                self.heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return self.heard

    def hears(self, start):
        """Waits for a message from now on that begins so."""
        self.listen()
        self.heard.clear()
        wait_for(lambda: f"{start} in {self.heard}", lambda: any(m.startswith(start) for m in self.listen()))

    def test_a_node_tells_systemd_and_its_log_how_it_is(self):
        c = self.company(CONFIG)
        c.start_in_front()
        # It may have said so before start_in_front returned.
        wait_for(lambda: f"READY=1 in {self.heard}", lambda: "READY=1" in "\n".join(self.listen()))
        self.hears("WATCHDOG=1")
        wait_for(c.logs, c.leader)

        # Frozen, it is silent. Awake again, it blames nobody for that time.
        node = c.node_pid("one")
        os.kill(node, signal.SIGSTOP)
        time.sleep(0.5)
        self.listen()
        self.heard.clear()
        time.sleep(4)  # Above the gap that it takes for a freeze.
        self.assertEqual(self.listen(), [])
        os.kill(node, signal.SIGCONT)
        self.hears("WATCHDOG=1")
        self.assertNotIn("STATUS=stalled", "".join(self.heard))

        # Without the bus it is degraded, and alive: a restart would not help.
        bus = c.runtime()["nats_pid"]
        os.kill(c.runtime()["pid"], signal.SIGSTOP)  # Else a new one is there within moments.
        os.kill(bus, signal.SIGSTOP)
        self.hears("STATUS=degraded: bus")
        self.hears("WATCHDOG=1")
        os.kill(bus, signal.SIGCONT)
        os.kill(c.runtime()["pid"], signal.SIGCONT)
        self.hears("STATUS=ok")
        self.assertIn("health: degraded: bus for 0 s", c.logs(200))

        # So it is without the database.
        os.kill(c.runtime()["pid"], signal.SIGSTOP)
        os.kill(c.runtime()["postgres_pid"], signal.SIGKILL)
        self.hears("STATUS=degraded: database")
        self.hears("WATCHDOG=1")
        os.kill(c.runtime()["pid"], signal.SIGCONT)
        self.hears("STATUS=ok")

        self.assertTrue(alive(node))
        os.kill(c.runtime()["pid"], signal.SIGTERM)
        self.hears("STOPPING=1")
        c.foreground.wait(30)
