"""The page served: on this machine alone, with nothing fetched from elsewhere and nothing kept."""

import contextlib
import ipaddress
import os
import signal
import sys
import tempfile
import threading
from importlib import resources

from serkeras.app import _gradio, page
from serkeras.app.desk import Desk
from serkeras.app.uploads import Room, Uploads

# A visitor's request takes its turn. More than this many wait for nobody's good.
_WAITING = 500
_AT_ONCE = 4
_STYLE = resources.files(__package__) / "page.css"
# Gradio's page names hosts of others, for scripts and fonts that this page does without.
_POLICY = "; ".join((
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "worker-src 'self' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "connect-src 'self' data: blob:",
    "font-src 'self' data:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
))  # fmt: skip


class Guard:
    """Refuses what pages of other hosts send, and puts headers on every answer.

    The headers: nothing from other hosts, no guessing, no referrer for them.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Answer one request."""

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        if is_foreign(scope):
            await _refusal()(scope, receive, send_guarded)
        else:
            await self.app(scope, receive, send_guarded)


def is_foreign(scope):
    """Whether a request comes from a page of another host.

    Browsers send forms with files to any host without asking it first, but say where from.

    Args:
        scope: of ASGI.
    """
    headers = dict(scope.get("headers", ()))
    origin, host = headers.get(b"origin"), headers.get(b"host", b"")
    return origin is not None and origin.partition(b"://")[2].lower() != host.lower()


def _refusal():
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(
        "A request must come from this page itself. Received: one from a page of another host. "
        "Open the address of this page.",
        403,
    )


_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # "no-referrer" would let browsers hide from the page itself where its own forms come from.
    (b"referrer-policy", b"same-origin"),
)


def serve(model=None, host="127.0.0.1", port=None, limits=None, browser=False):
    """Serve the page until it is interrupted.

    Args:
        model: as `serkeras.serving.Recogniser` takes it; None is the model in the box.
        host: address to listen on. Any other than this machine's own lets others in: there is no
            password and no encryption.
        port: number; None takes the first free one from 7860 on.
        limits: `serkeras.app.Limits`.
        browser: open the page in a browser.

    Raises:
        ImportError: Gradio is not installed.
        OSError: the port is taken.
        ValueError: the host is an IPv6 address.
    """
    with running(model, host, port, limits, browser) as address:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        _wait()


def _wait():
    """Wait for Ctrl-C, or for the signal by which services are ended: both clean up."""
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ended.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def running(model=None, host="127.0.0.1", port=None, limits=None, browser=False):
    """Serve the page for the length of a `with` block, then remove all that was uploaded.

    Args:
        model, host, port, limits, browser: as for `serve`.

    Yields:
        Address of the page.

    Raises:
        ImportError, OSError, ValueError: as for `serve`.
    """
    check_host(host)
    gr = _gradio.load()
    warn_of(host)
    desk = Desk(model, limits)
    desk.warm()
    most = 1e6 * max(desk.limits.folder_megabytes, 2 * desk.limits.megabytes)
    with _own_folder() as folder, Uploads(folder, most).swept() as uploads:
        looks = {"theme": _theme(gr), "css": _STYLE.read_text(encoding="utf-8")}
        with _gradio.quiet():
            blocks = page.build(desk, looks)
        blocks.queue(default_concurrency_limit=_AT_ONCE, max_size=_WAITING)
        settings = {**looks, **_launch_settings(host, port, desk.limits, browser, uploads)}
        try:
            with _gradio.quiet():
                _, address, _ = blocks.launch(**_gradio.known(blocks.launch, settings))
            yield address
        finally:
            blocks.close(verbose=False)
            desk.close()


def _launch_settings(host, port, limits, browser, uploads):
    return {
        "server_name": host,
        "server_port": port,
        "inbrowser": browser,
        "inline": False,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "show_error": False,
        "show_api": False,
        "footer_links": [],
        "run_history": False,
        "allowed_paths": [],
        "max_file_size": round(limits.megabytes * 1e6),
        "state_session_capacity": 200,
        "enable_monitoring": False,
        "strict_cors": True,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "app_kwargs": {"middleware": _middleware(host, uploads)},
    }


def _middleware(host, uploads):
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    found = [Middleware(Guard)]
    if is_loopback(host):
        # A foreign page could name this machine by a host name of its own.
        own = ["127.0.0.1", "localhost", host]
        found.append(Middleware(TrustedHostMiddleware, allowed_hosts=own))
    return [*found, Middleware(Room, uploads=uploads)]


def check_host(host):
    """Refuse an address that the page cannot be served on.

    Raises:
        ValueError: it is an IPv6 address: Gradio makes no valid address of a page from it.
    """
    if ":" in host:
        raise ValueError(
            f"A host must be a name or an IPv4 address. Received: {host}. Use 127.0.0.1 for this "
            "machine alone, or 0.0.0.0 for all."
        )


def is_loopback(host):
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_of(host):
    """Print what it means to listen on an address that others reach."""
    if not is_loopback(host):
        print(
            f"serkeras: warning: the page listens on {host}: whoever reaches this machine there "
            "can use it, without a password and without encryption, and browsers give a page "
            "without encryption no microphone.",
            file=sys.stderr,
        )


@contextlib.contextmanager
def _own_folder():
    """Let Gradio keep uploads in a folder of ours, which is removed at the end."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="serkeras-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield folder
        finally:
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def _theme(gr):
    """Return a theme with the fonts of the visitor's own system."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "monospace"),
    )
