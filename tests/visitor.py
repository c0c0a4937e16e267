"""A visitor of the page of `serkeras.app` without a browser: it sends what the page would send."""

import json
import time
import uuid
from pathlib import Path

import requests

MARK = {"_type": "gradio.FileData"}


class Visitor:
    """One session.

    Args:
        address: of the page.
    """

    def __init__(self, address):
        self.address, self.session = address.rstrip("/"), uuid.uuid4().hex
        self.config = requests.get(f"{self.address}/config", timeout=30).json()
        self._labels = {
            part["id"]: str(part["props"].get("label")) for part in self.config["components"]
        }

    def upload(self, path):
        """Send a file; returns what the page calls it from then on."""
        with open(path, "rb") as file:
            sent = requests.post(
                f"{self.address}/gradio_api/upload",
                files={"files": (Path(path).name, file)},
                timeout=60,
            )
        sent.raise_for_status()
        return self.file(sent.json()[0])

    @staticmethod
    def file(path):
        """Return a claim that a path was uploaded."""
        return {"path": path, "meta": MARK, "orig_name": Path(path).name}

    def events(self, label, kind="change"):
        """Return the numbers of the events of the control whose label begins so."""
        return [
            each["id"]
            for each in self.config["dependencies"]
            for target, event in each["targets"]
            if event == kind and self._labels.get(target, "").startswith(label)
        ]

    def ask(self, number, *data):
        """Fire an event and wait for its end.

        Returns:
            Whether it succeeded, and the list of what came out.
        """
        body = {"fn_index": number, "data": list(data), "session_hash": self.session}
        joined = requests.post(f"{self.address}/gradio_api/queue/join", json=body, timeout=60)
        if joined.status_code != 200:
            return False, [joined.text]
        return self._outcome(joined.json()["event_id"])

    def _outcome(self, event):
        where = f"{self.address}/gradio_api/queue/data"
        query = {"session_hash": self.session}
        with requests.get(where, query, stream=True, timeout=300) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if said.get("msg") == "process_completed" and said["event_id"] == event:
                    output = said["output"]
                    return said["success"], output.get("data", [output.get("error")])
        raise RuntimeError(f"The page must answer what it took. Received: no end of {event}.")

    def stream(self, number, portions, *data):
        """Send one portion after another, as a microphone does; yields what comes out of each.

        Args:
            number: of the event.
            portions: list of uploads.
            data: what the event takes beside a portion.
        """
        url, waiting = f"{self.address}/gradio_api", list(portions)
        latest = time.monotonic() + 60
        body = {"fn_index": number, "session_hash": self.session}
        first = {**body, "data": [waiting.pop(0), *data]}
        event = requests.post(f"{url}/queue/join", json=first, timeout=60).json()["event_id"]
        query = {"session_hash": self.session}
        with requests.get(f"{url}/queue/data", query, stream=True, timeout=60) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if said.get("msg") == "process_completed" or time.monotonic() > latest:
                    raise RuntimeError(f"A microphone's portion must be answered. Received: {said}")
                if said.get("msg") != "process_streaming":
                    continue
                yield said["output"]["data"]
                if waiting:
                    more = {**body, "data": [waiting.pop(0), *data]}
                    requests.post(f"{url}/stream/{event}", json=more, timeout=60)
                else:
                    requests.post(f"{url}/stream/{event}/close", timeout=60)
                    return

    def see(self, label, path, kind="change", event=0):
        """Upload a file to the control of a label; returns the HTML that comes back."""
        fine, data = self.ask(self.events(label, kind)[event], self.upload(path))
        assert fine, data
        return data[0]

    def timed(self, label, path):
        """Return the seconds until a clip has its bars, and their HTML."""
        begin = time.perf_counter()
        html = self.see(label, path)
        return time.perf_counter() - begin, html
