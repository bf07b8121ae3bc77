"""Real servers that a test starts on loopback: HTTP for webhooks, ntfy and Slack, and SMTP for mail.

Both keep what they accepted, can be told to refuse, and speak TLS with a certificate of the test's own.
"""
import base64
import contextlib
import http.server
import os
import re
import socketserver
import ssl
import subprocess
import sys
import threading


def certificate(folder, name, host="IP:127.0.0.1"):
    """A new certificate that is signed by nobody but itself: a server's TLS context with it, and its PEM text."""
    key, pem = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}",
                    "-keyout", key, "-out", pem], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with open(pem, encoding="ascii") as file:
        return context, file.read()


def process_at(port):
    """The process id of who has a TCP connection from this port of this host."""
    found = subprocess.run(["ss", "-Htnp", f"sport = :{port}"], check=True, capture_output=True, text=True, timeout=60)
    return int(re.search(r"pid=(\d+)", found.stdout)[1])


class Leaving:
    """For a server: a client that goes, for example because it does not trust the certificate, is no news."""

    def handle_error(self, *client):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*client)


class Hooks:
    """An HTTP server. `accepted` are (path, headers, body) in order; `answers` says what status a path gets.

    With `ask_who`, `senders` are the process ids of the clients, which are on this host.
    """

    def __init__(self, port=0, tls=None, ask_who=False):
        self.accepted = []
        self.senders = []
        self.refused = 0
        self.answers = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if ask_who:
                    receiver.senders.append(process_at(self.client_address[1]))
                status = receiver.answers.get(self.path, 200)
                if status == 200:
                    receiver.accepted.append((self.path, dict(self.headers), body))
                else:
                    receiver.refused += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(Leaving, http.server.ThreadingHTTPServer):
            def finish_request(self, request, client_address):
                # On the thread of the request: a client that says nothing holds up nobody else.
                with (tls.wrap_socket(request, server_side=True) if tls else contextlib.nullcontext(request)) as spoken:
                    super().finish_request(spoken, client_address)

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def at(self, path):
        return [(headers, body) for p, headers, body in list(self.accepted) if p == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Mails:
    """An SMTP server, as much of RFC 5321, 3207 and 4954 as a client needs. `accepted` are (sender, recipients, bytes).

    With `tls` (a context) it offers STARTTLS, or speaks TLS from the first byte where `at_once` is set; with `login`
    (user, password) nobody mails without it. `logins` are (user, password, encrypted) as they were tried; the first
    `busy_logins` of them are answered with a 454.
    """

    def __init__(self, tls=None, at_once=False, login=None):
        self.accepted = []
        self.encrypted = 0  # Of the accepted.
        self.logins = []
        self.busy_logins = 0
        self.refuse_recipients = False
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            secure = False

            def setup(self):
                if tls and at_once and not self.secure:
                    self.encrypt()
                else:
                    super().setup()

            def encrypt(self):
                self.request = tls.wrap_socket(self.request, server_side=True)
                self.secure = True
                self.setup()

            def finish(self):
                super().finish()
                self.request.close()

            def say(self, *lines):
                for line in lines:
                    self.wfile.write(line.encode() + b"\r\n")

            def logged_in(self, words):
                if len(words) < 3:
                    self.say("334 ")
                    words.append(self.rfile.readline().strip())
                _, user, password = (part.decode() for part in base64.b64decode(words[2]).split(b"\0"))
                receiver.logins.append((user, password, self.secure))
                if receiver.busy_logins:
                    receiver.busy_logins -= 1
                    self.say("454 come back later")
                    return False
                fine = (user, password) == login
                self.say("235 welcome" if fine else "535 no")
                return fine

            def handle(self):
                sender, recipients, known = "", [], login is None
                self.say("220 test")
                while line := self.rfile.readline():
                    words = line.split() or [b""]
                    verb = words[0].upper()
                    if verb in (b"EHLO", b"HELO"):
                        self.say("250-test", *["250-STARTTLS"] * bool(tls and not self.secure),
                                 *["250-AUTH PLAIN"] * bool(login), "250 8BITMIME")
                    elif verb == b"STARTTLS" and tls and not self.secure:
                        self.say("220 go on")
                        self.encrypt()
                    elif verb == b"AUTH" and login:
                        known = self.logged_in(words)
                    elif verb == b"MAIL" and not known:
                        self.say("530 log in first")
                    elif verb == b"MAIL":
                        sender = line.decode().split("<", 1)[1].split(">", 1)[0]
                        self.say("250 ok")
                    elif verb == b"RCPT":
                        if receiver.refuse_recipients:
                            self.say("550 nobody here")
                        else:
                            recipients.append(line.decode().split("<", 1)[1].split(">", 1)[0])
                            self.say("250 ok")
                    elif verb == b"DATA":
                        self.say("354 go on")
                        data = b""
                        while (line := self.rfile.readline()) not in (b".\r\n", b""):
                            data += line[1:] if line.startswith(b".") else line
                        receiver.accepted.append((sender, recipients, data))
                        receiver.encrypted += self.secure
                        self.say("250 ok")
                    elif verb == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("502 no")

        class Server(Leaving, socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
