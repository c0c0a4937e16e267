"""One file of Hugging Face's hub: where it lies, its checksum, and the way here."""

import hashlib
import os
import re
import urllib.parse
from dataclasses import dataclass

from serkeras import _downloads
from serkeras._files import atomic_write

_HUB = "https://huggingface.co"
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Remote:
    """A file on the hub.

    Attributes:
        name: of the file.
        address: where it lies; may be on another host, and signed.
        checksum: "sha256:..." of large files, "git:..." of small ones, or None.
        commit: that the hub took it from, or None.
    """

    name: str
    address: str
    checksum: str | None
    commit: str | None


def endpoint():
    """Return the hub's address: the environment variable HF_ENDPOINT, or huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def ask(name, revision, file):
    """Return what the hub says of a file.

    Redirects inside the hub (renamed presets, small files) are followed; the one to the store of
    large files is where the answer stops, since it carries their checksum.

    Args:
        name: id of the preset.
        revision: branch, tag or commit.
        file: its name.

    Returns:
        `Remote`, or None where the hub has no such file, revision or preset.

    Raises:
        PermissionError: the hub wants another token.
        ConnectionError: it could not be reached, or has a fault.
    """
    url = f"{endpoint()}/{name}/resolve/{urllib.parse.quote(revision, safe='')}/{file}"
    etag = commit = None
    for _ in range(_MOST_REDIRECTS):
        answer = _request("HEAD", url, name)
        if answer.status_code == 404:
            return None
        etag = answer.headers.get("X-Linked-Etag") or answer.headers.get("ETag") or etag
        commit = answer.headers.get("X-Repo-Commit") or commit
        if not answer.is_redirect:
            break
        url = urllib.parse.urljoin(url, answer.headers["Location"])
        if not _is_of_hub(url):
            break
    else:
        raise ConnectionError(f"more than {_MOST_REDIRECTS} redirects for {_unsigned(url)}")
    commit = commit if commit and re.fullmatch("[0-9a-f]{40}", commit) else None
    return Remote(file, url, _checksum(etag), commit)


def bring(remote, folder, progress):
    """Have a file in a folder, verified.

    Args:
        remote: `Remote`.
        folder: `pathlib.Path`, made where it is missing.
        progress: whether to show a progress bar for a large file.

    Raises:
        ValueError: what came, or lies there, has another checksum.
        PermissionError: the hub wants another token.
        ConnectionError: it could not be fetched, or not all of it.
    """
    target = folder / remote.name
    if remote.checksum is not None and remote.checksum.startswith("git:"):
        if not target.is_file() or _git_id(target.read_bytes()) != remote.checksum:
            _bring_small(remote, target)
        return
    # The store's addresses are signed, and need no token.
    try:
        _downloads.fetch(remote.address, target, remote.checksum, progress)
    except ConnectionError as error:
        raise ConnectionError(_unsigned(error)) from None
    except ValueError as error:
        raise ValueError(_unsigned(error)) from None


def _bring_small(remote, target):
    """Fetch a file that git itself holds: at most some megabytes."""
    answer = _request("GET", remote.address, remote.name)
    if answer.status_code != 200:
        raise ConnectionError(f"{answer.status_code} for {_unsigned(remote.address)}")
    found = _git_id(answer.content)
    if found != remote.checksum:
        raise ValueError(
            f"{remote.name} must have the id of git that the hub gives, {remote.checksum}. "
            f"Received: {found} from {_unsigned(remote.address)}. What was fetched was thrown "
            "away; try again later."
        )
    with atomic_write(target, "wb") as file:
        file.write(answer.content)


def _git_id(content):
    """Return git's id of a file: SHA-1 of its kind, length and bytes."""
    header = f"blob {len(content)}\0".encode()
    return f"git:{hashlib.sha1(header + content, usedforsecurity=False).hexdigest()}"


def _checksum(etag):
    """Return what an entity tag of the hub says of the content: SHA-256, or the id of git."""
    digest = (etag or "").removeprefix("W/").strip('"')
    if re.fullmatch("[0-9a-f]{64}", digest):
        return f"sha256:{digest}"
    return f"git:{digest}" if re.fullmatch("[0-9a-f]{40}", digest) else None


def _is_of_hub(url):
    """Whether an address is on the hub itself: the token goes nowhere else."""
    ours, theirs = urllib.parse.urlsplit(endpoint()), urllib.parse.urlsplit(url)
    return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)


def _request(method, url, name):
    """Ask for an address as it is, without following redirects; the token goes to the hub."""
    import requests

    try:
        answer = requests.request(
            method,
            url,
            auth=_authorize if _is_of_hub(url) else None,
            headers={"Accept-Encoding": "identity"},
            allow_redirects=False,
            timeout=_downloads.TIMEOUT_S,
        )
    except requests.exceptions.RequestException as error:
        raise ConnectionError(_unsigned(error)) from None
    _refuse(answer, name)
    return answer


def _authorize(request):
    """Add the bearer token of the environment variable HF_TOKEN to a request."""
    token = os.environ.get("HF_TOKEN", "").strip()
    if token:
        request.headers["Authorization"] = f"Bearer {token}"
    return request


def _refuse(answer, name):
    """Raise what a status other than success, redirection and 404 means."""
    if answer.status_code in (401, 403):
        sent = "the token in HF_TOKEN" if os.environ.get("HF_TOKEN") else "no token"
        raise PermissionError(
            f"A preset must be one that the hub lets you read. Received: {answer.status_code} for "
            f"{name} from {endpoint()} with {sent}. Correct the name (the hub answers so to "
            "unknown ones, too); for a private or gated preset ask its owner, and put a token "
            "of yours into the environment variable HF_TOKEN."
        )
    if answer.status_code >= 400 and answer.status_code != 404:
        raise ConnectionError(f"{answer.status_code} {answer.reason} for {_unsigned(answer.url)}")


def _unsigned(text):
    """Return a text without the queries of addresses, which let anybody in for a while."""
    return re.sub(r"\?[^\s'\")]+", "", str(text))
