"""Real servers that a test starts on loopback: HTTP for webhooks, ntfy and Slack, and SMTP for mail.

Both keep what they accepted, and can be told to refuse.
"""
import http.server
import socketserver
import threading


class Hooks:
    """An HTTP server. `accepted` are (path, headers, body) in order; `answers` says what status a path gets."""

    def __init__(self, port=0):
        self.accepted = []
        self.refused = 0
        self.answers = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
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

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def at(self, path):
        return [(headers, body) for p, headers, body in list(self.accepted) if p == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Mails:
    """An SMTP server, as much of RFC 5321 as a client needs. `accepted` are (sender, recipients, bytes)."""

    def __init__(self):
        self.accepted = []
        self.refuse_recipients = False
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                sender, recipients = "", []
                self.say("220 test")
                while line := self.rfile.readline():
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb in (b"EHLO", b"HELO"):
                        self.say("250 test")
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
                        self.say("250 ok")
                    elif verb == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("502 no")

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
