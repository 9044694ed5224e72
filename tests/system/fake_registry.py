"""A mesh registry that behaves as it is told: well, badly, or not at all. One thread for each
connection; nothing is kept on disk.
"""

import json
import socket
import threading
import time
from datetime import datetime, timezone


def now(offset=0):
    return (
        datetime.fromtimestamp(time.time() + offset, timezone.utc)
        .isoformat()
        .replace("+00:00", "Z")
    )


def entry(name, status="healthy", seen=None, **more):
    """As a registry lists it. seen None: just now, whenever it is asked; a time that is told may be
    before a slow start of the agent.
    """
    return {
        "id": f"{name}-12345678",
        "name": name,
        "status": status,
        "endpoint": "http://localhost:1",
        "last_seen": seen,
        "capabilities": [{"name": "greet"}],
        "dependencies": [],
        **more,
    }


class FakeRegistry:
    """Set .mode to one of the words in answer(), .agents to what it lists. .requests are the
    request lines and heads so far.
    """

    def __init__(self, host="127.0.0.1", family=socket.AF_INET, tls=None):
        self.tls = tls  # an ssl.SSLContext of a server
        self.mode, self.agents, self.requests, self.connections = "ok", [], [], 0
        self.arrived = threading.Condition()
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind((host, 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        scheme = "https" if tls else "http"
        self.url = (
            f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"
        )
        self.peers = set()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def close(self):
        """Nobody is answered any more, and no thread of ours accepts. A mere close() leaves the
        thread
        in accept(2) with the number of a descriptor that the next test's server gets: it then
        answers in that one's place.
        """
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        for peer in list(self.peers):
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def wait_requests(self, n, timeout=15):
        """Wait until n requests have come in from now on."""
        with self.arrived:
            goal = len(self.requests) + n
            assert self.arrived.wait_for(
                lambda: len(self.requests) >= goal, timeout
            ), f"{len(self.requests)} of {goal} requests"

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.peers.add(peer)
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                stream = self.tls.wrap_socket(peer, server_side=True) if self.tls else peer
                while self.one(stream):
                    pass
            except OSError:
                pass
            finally:
                self.peers.discard(peer)

    def one(self, peer):
        head = b""
        while b"\r\n\r\n" not in head:
            more = peer.recv(65536)
            if not more:
                return False
            head += more
        with self.arrived:
            self.requests.append(head.decode("latin-1"))
            self.arrived.notify_all()
        return self.answer(peer, head.decode("latin-1"))

    @staticmethod
    def send(peer, body, status="200 OK", headers=""):
        body = body.encode() if isinstance(body, str) else body
        peer.sendall(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
            + body
        )
        return True

    def answer(self, peer, head):
        agents = [{**agent, "last_seen": agent["last_seen"] or now()} for agent in self.agents]
        listing = json.dumps({"agents": agents, "count": len(agents), "timestamp": now()})
        mode = self.mode
        if mode == "ok":
            return self.send(peer, listing)
        if mode == "etag":
            if 'If-None-Match: "v1"' in head:
                peer.sendall(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
                return True
            return self.send(peer, listing, headers='ETag: "v1"\r\n')
        if mode == "hang":
            time.sleep(30)
        elif mode == "dribble":
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(30):
                peer.sendall(b"[")
                time.sleep(1)
        elif mode == "half":
            peer.sendall(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(listing) + 100}\r\n\r\n{listing}".encode()
            )
        elif mode == "close":
            pass
        elif mode in ("500 Oops", "404 Not Found"):
            return self.send(peer, "{}", mode)
        elif mode == "html":
            return self.send(peer, "<html><body>It works!</body></html>")
        elif mode == "huge":
            peer.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"agents":[')
            for _ in range(100):
                peer.sendall(b'{"name":"x"},' * 80000)
        elif mode == "headers":
            peer.sendall(b"HTTP/1.1 200 OK\r\n")
            for i in range(100000):
                peer.sendall(f"X-{i}: {'y' * 100}\r\n".encode())
        elif mode == "deep":
            return self.send(peer, '{"agents":' + "[" * 10000 + "]" * 10000 + "}")
        elif mode == "redirect":
            return self.send(peer, "", "302 Found", "Location: /agents\r\n")
        elif mode == "binary":
            peer.sendall(bytes(range(256)) * 10)
        else:
            return self.send(peer, mode)
        return False
