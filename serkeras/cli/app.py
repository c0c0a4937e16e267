"""The command that opens the page in a browser."""

from serkeras.cli import options


def add_app(subparsers):
    """Add the command `app`."""
    command = options.add_command(
        subparsers,
        "app",
        app,
        "serve a page in the browser: clips, microphone, batches, and what the model cannot know",
        """
        python -m serkeras app                               the model in the box
        python -m serkeras app artifacts/runs/NAME --browser
        python -m serkeras app model.onnx --port 8080 --max-minutes 60
        The page is served to this machine alone, and nothing leaves it. It needs Gradio:
        pip install 'serkeras[app]'
        """,
    )
    command.add_argument(
        "model", metavar="RUN", nargs="?", help="folder of a finished run, or an exported file"
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on another address, for instance 0.0.0.0: others can then use the page, "
        "without a password",
    )
    command.add_argument("--port", type=int, metavar="N", help="the first free one from 7860 on")
    command.add_argument("--browser", action="store_true", help="open the page in a browser")
    command.add_argument(
        "--max-megabytes", type=float, default=50, metavar="N", help="of one file (50)"
    )
    command.add_argument(
        "--max-seconds", type=float, default=120, metavar="N", help="of a clip (120)"
    )
    command.add_argument(
        "--max-minutes", type=float, default=30, metavar="N", help="of a timeline (30)"
    )
    command.add_argument("--max-files", type=int, default=50, metavar="N", help="of a batch (50)")


def app(arguments):
    """Serve the page."""
    from serkeras import app as web

    limits = web.Limits(
        megabytes=arguments.max_megabytes,
        clip_s=arguments.max_seconds,
        timeline_min=arguments.max_minutes,
        files=arguments.max_files,
    )
    web.serve(arguments.model, arguments.host, arguments.port, limits, arguments.browser)
