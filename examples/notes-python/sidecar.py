"""Asks the Dimmer sidecar, with nothing but the standard library: what a product in any language would write."""

import http.client
import json
import socket
import sys
import time
from urllib.parse import urlsplit

TIMEOUT_S = 0.25
# After a failure the sidecar is left alone for so long, so that one that hangs does not slow every request.
REST_S = 1.0

# Titles of a denial, by language: where a payment would help, and otherwise.
TITLES = {"en": ("Payment required", "Not available"), "ja": ("お支払いのご確認をお願いします", "ご利用いただけません")}
# What is said of a lock to the caller of a product: never its cause, case or date.
PUBLIC = ("mode", "capability", "freshness", "cause", "case", "since", "next")
PUBLIC_WHEN_LOCKED = ("mode", "capability", "freshness")


class Refused(Exception):
    """The sidecar refused the question itself: a mistake of this product's, and no reason to let anybody in."""


class Sidecar:
    """A sidecar at `http://127.0.0.1:7301` or `unix:/run/dimmer/sidecar.sock`."""

    def __init__(self, address):
        self.socket_path = address.removeprefix("unix:") if address.startswith("unix:") else None
        self.netloc = "localhost" if self.socket_path else urlsplit(address).netloc
        if not self.netloc:
            raise ValueError(f"--sidecar is {address!r}: give http://host:port or unix:/path.sock")
        self.rests_until = 0.0

    def denial(self, tenant, principal, capability):
        """The decision that denies this tenant's principal the capability, or None.

        Whoever signs in must be let in by `login` besides: that is how a session ends while only administrators may
        sign in. While the sidecar does not answer, everything is allowed: an outage of Dimmer must not turn away a
        customer who pays. A lock is not known meanwhile; a product that cannot accept that denies here.

        No connection, none in time and 5xx are "does not answer"; Refused is raised where the question is none.
        """
        if time.monotonic() < self.rests_until:
            return None
        needed = [capability] if principal == "service" or capability == "login" else [capability, "login"]
        checks = [{"tenant": tenant, "principal": principal, "capability": name} for name in needed]
        try:
            status, answer = self._request("POST", "/v1/checks", {"checks": checks})
            if status >= 500:
                raise ValueError(f"it answered {status}: {answer}")
            decisions = answer["decisions"] if status == 200 else [{"error": answer}]
            for decision in decisions:
                if "error" in decision:
                    raise Refused(f"the sidecar refused a question: {status} {decision['error']}")
            return next((decision for decision in decisions if not decision["allowed"]), None)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            self.rests_until = time.monotonic() + REST_S
            print(f"notes-python: no answer from the sidecar, so allowing: {error}", file=sys.stderr, flush=True)
            return None

    def explain(self, tenant, language):
        """Where the tenant stands, for people. {} where the sidecar does not tell: over TCP it does with `--tcp full`."""
        try:
            status, answer = self._request("GET", f"/v1/tenants/{tenant}", None, {"Accept-Language": language})
            return answer if status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}

    def problem(self, decision, language):
        """The denial to send: status and problem+json, with what still works and how to come back."""
        reason, locked = decision["reason"], decision["reason"] == "locked"
        unpaid = reason == "restricted" and decision.get("cause") == "nonpayment"
        status = 402 if unpaid else 503 if reason == "no_data" else 403
        titles = TITLES["ja" if language.lower().startswith("ja") else "en"]
        about = self.explain(decision["tenant"], language)
        return status, {
            "type": f"urn:dimmer:problem:{reason}",
            "title": titles[0 if unpaid else 1],
            "status": status,
            "detail": about.get("banner", {}).get("text", "This is not available for your organisation now."),
            **{name: decision[name] for name in (PUBLIC_WHEN_LOCKED if locked else PUBLIC) if name in decision},
            **{name: about[name] for name in ("stillAllowed", "links") if name in about},
        }

    def _request(self, method, path, body, headers=None):
        connection = http.client.HTTPConnection(self.netloc, timeout=TIMEOUT_S)
        if self.socket_path:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(TIMEOUT_S)
            connection.sock.connect(self.socket_path)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            body = response.read()
            return response.status, json.loads(body) if response.status == 200 else body.decode(errors="replace")
        finally:
            connection.close()
