#!/usr/bin/env python3
"""A notes product that dims, in another language: it knows which capability each route needs, and asks the sidecar."""

import argparse
import csv
import io
import itertools
import json
import os
import re
import secrets
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

from sidecar import Refused, Sidecar

PRINCIPALS = ("admin", "billing", "member", "service")
TENANT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}")
MAX_BODY_BYTES, MAX_TEXT_LENGTH, MAX_NOTES, MAX_SESSIONS = 64 * 1024, 10_000, 1_000, 10_000

# What each route needs, `{id}` being the id of a note; None for what is open. Only the login asks by itself.
ROUTES = {
    ("GET", "/"): (None, "home"),
    ("GET", "/health"): (None, "health"),
    ("POST", "/login"): (None, "login"),
    ("GET", "/session"): ("login", "session"),
    ("GET", "/account"): ("login", "account"),
    ("GET", "/notes"): ("view", "search"),
    ("GET", "/notes/{id}"): ("view", "read"),
    ("POST", "/notes"): ("create", "create"),
    ("PUT", "/notes/{id}"): ("update", "update"),
    ("DELETE", "/notes/{id}"): ("delete", "delete"),
    ("GET", "/export.json"): ("export", "export_json"),
    ("GET", "/export.csv"): ("export", "export_csv"),
    ("POST", "/pay"): ("pay", "pay"),
    ("PUT", "/contact"): ("contact", "contact"),
    ("POST", "/cancel"): ("leave", "cancel"),
}


class Problem(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status, title, **members):
        super().__init__(title)
        self.status, self.body = status, {"type": "about:blank", "title": title, "status": status, **members}


class Product:
    """Sessions and notes in memory. The tenant stands in the session, never in what a client sends along."""

    def __init__(self, sidecar, is_local):
        self.sidecar, self.is_local = sidecar, is_local
        self.ids, self.sessions, self.notes = itertools.count(1), {}, {}

    def answer(self, method, path, request):
        """The answer to a request: status, body (text, or what becomes JSON), type."""
        found, request["id"] = path, None
        if path.startswith("/notes/") and path.count("/") == 2:
            found, request["id"] = "/notes/{id}", unquote(path.removeprefix("/notes/"))
        capability, name = ROUTES.get(("GET" if method == "HEAD" else method, found), (None, None))
        if name is None:
            raise Problem(404, "Not found", detail="There is nothing at this address.")
        if name not in ("home", "health", "login"):
            request["session"] = self.session_of(request)
            self.require(*request["session"], capability, request)
        return getattr(self, name)(request)

    def require(self, tenant, principal, capability, request):
        try:
            decision = self.sidecar.denial(tenant, principal, capability)
        except Refused as error:
            print(f"notes-python: {error}", file=sys.stderr, flush=True)
            raise Problem(500, "This product made a mistake", detail="It asked for a right that there is not.") from error
        if decision is not None:
            status, body = self.sidecar.problem(decision, request["language"])
            raise Problem(**{**body, "status": status})

    def session_of(self, request):
        token = request["token"] or ""
        session = self.sessions.get(token)
        # FOR DEVELOPMENT ONLY, and only on loopback: `Bearer acme:member` lets anybody be anybody.
        tenant, _, principal = token.rpartition(":")
        if session is None and self.is_local and TENANT_ID.fullmatch(tenant) and principal in PRINCIPALS:
            session = (tenant, principal)
        if session is None:
            raise Problem(401, "Not signed in", detail="Sign in with POST /login, then send Authorization: Bearer.")
        return session

    def notes_of(self, request):
        welcome = {"welcome-1": "Call the printer about the brochure", "welcome-2": "会議の議事録を共有する"}
        return self.notes.setdefault(request["session"][0], welcome)

    def note_of(self, request):
        if request["id"] not in self.notes_of(request):
            raise Problem(404, "No such note", detail="It may have been deleted.")
        return {"id": request["id"], "text": self.notes_of(request)[request["id"]]}

    def home(self, _request):
        return 200, "A notes product that dims, in Python. See the README.\n", "text/plain; charset=utf-8"

    def health(self, _request):
        return 200, {"status": "ok"}, None

    def login(self, request):
        tenant, principal = request["body"].get("tenant"), request["body"].get("as")
        if not isinstance(tenant, str) or not TENANT_ID.fullmatch(tenant) or principal not in PRINCIPALS:
            raise Problem(400, "Not a login", detail='Send {"tenant": "acme", "as": "member"}.')
        self.require(tenant, principal, "login", request)
        token = secrets.token_urlsafe(24)
        self.sessions[token] = (tenant, principal)
        if len(self.sessions) > MAX_SESSIONS:
            del self.sessions[next(iter(self.sessions))]
        return 200, {"token": token, "tenant": tenant, "as": principal}, None

    def session(self, request):
        tenant, principal = request["session"]
        return 200, {"tenant": tenant, "principal": principal}, None

    def account(self, request):
        tenant = request["session"][0]
        return 200, {"tenant": tenant, **self.sidecar.explain(tenant, request["language"])}, None

    def search(self, request):
        wanted = request["query"].get("q", [""])[0].lower()
        return 200, {"notes": [{"id": i, "text": t} for i, t in self.notes_of(request).items() if wanted in t.lower()]}, None

    def read(self, request):
        return 200, self.note_of(request), None

    def create(self, request):
        if len(self.notes_of(request)) >= MAX_NOTES:
            raise Problem(409, "Too many notes", detail=f"A tenant has at most {MAX_NOTES}.")
        request["id"] = str(next(self.ids))
        self.notes_of(request)[request["id"]] = self.text_of(request)
        return 201, self.note_of(request), None

    def update(self, request):
        self.note_of(request)
        self.notes_of(request)[request["id"]] = self.text_of(request)
        return 200, self.note_of(request), None

    def delete(self, request):
        self.note_of(request)
        del self.notes_of(request)[request["id"]]
        return 204, "", None

    def text_of(self, request):
        text = request["body"].get("text")
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT_LENGTH:
            raise Problem(400, "No text", detail=f'Send {{"text": "…"}} with 1 to {MAX_TEXT_LENGTH} characters.')
        return text

    def export_json(self, request):
        return 200, {"notes": [{"id": i, "text": t} for i, t in self.notes_of(request).items()]}, None

    def export_csv(self, request):
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["id", "text"])
        # A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text.
        rows = self.notes_of(request).items()
        writer.writerows([i, f"'{t}" if t[0] in "=+-@\t\r" else t] for i, t in rows)
        return 200, table.getvalue(), "text/csv; charset=utf-8"

    def pay(self, request):
        tenant = request["session"][0]
        hint = f"In development, settle it with: npx dimmer tenant pay {tenant}"
        return 202, {"tenant": tenant, "status": "recorded", "next": hint}, None

    def contact(self, request):
        return 200, {"tenant": request["session"][0], "email": request["body"].get("email")}, None

    def cancel(self, request):
        return 202, {"tenant": request["session"][0], "cancelled": "requested"}, None


class Handler(BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version, product = "HTTP/1.1", "notes-python", "", None

    def serve(self):
        try:
            path, _, query = self.path.partition("?")
            request = {"query": parse_qs(query), "body": self.read_body(), "token": self.read_token()}
            request["language"] = self.headers.get("Accept-Language", "en")
            self.respond(*self.product.answer(self.command, path, request))
        except Problem as problem:
            self.respond(problem.status, problem.body, "application/problem+json")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    def read_body(self):
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Problem(413, "Too large", detail=f"At most {MAX_BODY_BYTES} bytes, and their number said first.")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except ValueError:
            body = {}
        return body if isinstance(body, dict) else {}

    def read_token(self):
        authorization = self.headers.get("Authorization", "")
        return authorization.removeprefix("Bearer ").strip() if authorization.startswith("Bearer ") else None

    def respond(self, status, body, content_type):
        data = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type or "application/json")
        self.send_header("Cache-Control", "no-store")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_arguments):
        """A product's access log is not the subject here."""


class Server(ThreadingHTTPServer):
    def server_bind(self):
        """Without the look-up of this machine's name in the DNS, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sidecar", default="http://127.0.0.1:7301", help="http://host:port or unix:/path.sock")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=7303, help="0 for any")
    options.add_argument("--stop-with-stdin", action="store_true", help="end when the standard input does")
    given = options.parse_args()
    try:
        Handler.product = Product(Sidecar(given.sidecar), given.host in ("127.0.0.1", "localhost"))
        server = Server((given.host, given.port), Handler)
    except (ValueError, OverflowError) as error:
        print(f"notes-python: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"notes-python: cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)
        sys.exit(3)

    def stop(*_signal):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    def follow_stdin():
        while os.read(0, 4096):  # not sys.stdin: its buffer must not be in use when the interpreter ends
            pass
        stop()

    if given.stop_with_stdin:
        threading.Thread(target=follow_stdin, daemon=True).start()
    print(f"notes-python: ready on http://{given.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
