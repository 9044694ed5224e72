"""An agent of an MCP mesh with nothing but the standard library: it registers, sends heartbeats,
and answers the mesh's health endpoints.

    $ tend start mesh_agent.py --background      starts a registry too, if none answers
    $ tend status

What tend tells an agent about the registry is in its environment: MCP_MESH_REGISTRY_URL. Further
variables:

    HEARTBEAT   seconds between two heartbeats (5)
    HTTP_PORT   where it serves (0: any free port)
    QUIET_FILE  while this file exists it sends no heartbeat: it lives, but the mesh must think that
                it doesn't
"""

import http.server
import json
import os
import re
import secrets
import signal
import threading
import urllib.error
import urllib.request

REGISTRY = os.environ.get("MCP_MESH_REGISTRY_URL", "http://localhost:8080").rstrip("/")
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT", "5"))
QUIET_FILE = os.environ.get("QUIET_FILE", "")
NAME = os.environ.get("AGENT_NAME") or os.environ.get("TEND_NAME") or "mesh_agent"
# The mesh's registry takes names and ids of lower-case letters, digits and hyphens; tend finds the
# process by it all the same.
MESH_NAME = re.sub("[^a-z0-9]+", "-", NAME.lower()).strip("-") or "agent"
# As the mesh's own agents do it: the name, and a suffix that is new at every start.
AGENT_ID = f"{MESH_NAME[:55]}-{secrets.token_hex(4)}"

stopped = threading.Event()
registered = threading.Event()
# Proxies are for the world outside; a registry beside us must not be looked for there.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def say(**fields):
    print(json.dumps(fields), flush=True)


class Health(http.server.BaseHTTPRequestHandler):
    """/livez: the process works. /ready: it is registered. /startupz: it has come up. /health: all
    of it.
    """

    def do_GET(self):
        ready = registered.is_set()
        answers = {"/livez": True, "/startupz": True, "/ready": ready, "/health": ready}
        ok = answers.get(self.path.split("?")[0])
        body = json.dumps({"agent": NAME, "status": "healthy" if ok else "unhealthy"}).encode()
        self.send_response(404 if ok is None else 200 if ok else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass  # a line for each probe would be all that the log holds


def ask(method, path, body=None):
    """The status and the JSON of an answer; an error status is an answer, too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        REGISTRY + path, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with direct.open(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        with e:
            return e.code, None


def register(port):
    tools = [
        {
            "function_name": "greet",
            "capability": "greeting",
            "version": "1.0.0",
            "description": "Says hello",
        }
    ]
    status, answer = ask(
        "POST",
        "/heartbeat",
        {
            "agent_id": AGENT_ID,
            "name": MESH_NAME,
            "http_host": "127.0.0.1",
            "http_port": port,
            "tools": tools,
        },
    )
    if status != 200:
        raise OSError(f"the registry answered {status}")
    if (
        isinstance(answer, dict) and answer.get("status") == "error"
    ):  # a refusal comes with status 200
        raise OSError(f"the registry refuses: {answer.get('message')}")
    if not registered.is_set():
        say(event="registered", registry=REGISTRY, agent_id=AGENT_ID)
    registered.set()


def beat(port):
    """Most beats are a HEAD without a body. The registry says by its status when the whole
    registration is wanted again.
    """
    full, error = True, None
    while not stopped.is_set():
        if not (QUIET_FILE and os.path.exists(QUIET_FILE)):
            try:
                status = 410 if full else ask("HEAD", f"/heartbeat/{AGENT_ID}")[0]
                if status in (202, 404, 405, 410):
                    register(port)
                full = status not in (200, 202, 404, 405, 410)
            except (OSError, ValueError) as e:
                full = True
                if str(e) != error:
                    say(
                        event="registry lost" if registered.is_set() else "not registered",
                        error=str(e),
                    )
                error = str(e)
                registered.clear()
            else:
                error = None
        stopped.wait(HEARTBEAT_SECONDS)


def main():
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", int(os.environ.get("HTTP_PORT", "0"))), Health
    )
    server.daemon_threads = True
    port = server.server_address[1]
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=beat, args=(port,), daemon=True).start()
    say(event="ready", port=port)
    # A signal does not end a wait without a timeout on every platform.
    while not stopped.wait(1):
        pass
    if registered.is_set():  # say goodbye, so that nobody is sent to us any more
        try:
            ask("DELETE", f"/agents/{AGENT_ID}")
        except OSError:
            pass
    say(event="stopped")


if __name__ == "__main__":
    main()
