"""The commands that pass a run on: share, box."""

from serkeras.cli import options


def add_share(subparsers):
    """Add the command `share`."""
    command = options.add_command(
        subparsers,
        "share",
        share,
        "pack a run so that others can open it: into a folder, or onto the Hugging Face hub",
        """
        python -m serkeras share artifacts/runs/NAME packed/
        python -m serkeras share artifacts/runs/NAME hf://OWNER/NAME --public
        Recordings, names of files and folders of this machine stay behind; names of the speakers
        whom the model knows go along. What is shared opens with keras.saving.load_model, and as
        hf://OWNER/NAME in predict, timeline, listen, app, evaluate, explain, attention and export.
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("to", metavar="TO", help="folder to write, or hf://OWNER/NAME")
    command.add_argument(
        "--public", action="store_true", help="a repository that is made now is for everybody"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a packed run in TO")


def share(arguments):
    """Pack or push, and say where it is now."""
    from serkeras import sharing

    if arguments.to.startswith(sharing.PREFIX):
        print(sharing.push(arguments.run_folder, arguments.to, private=not arguments.public))
    else:
        print(sharing.pack(arguments.run_folder, arguments.to, arguments.overwrite))


def add_box(subparsers):
    """Add the command `box`."""
    command = options.add_command(
        subparsers,
        "box",
        box,
        "make the model in the box: train it on real corpora and put it into the package",
        """
        python -m serkeras box
        python -m serkeras box --data ravdess=DIR --data tess=DIR --data emodb=DIR
        For those who build the package. An interrupted training goes on where it stopped.
        """,
    )
    options.add_data(command)
    command.add_argument("--training", metavar="DIR", help="folder of the training")
    command.add_argument("--out", metavar="DIR", help="instead of the package's own folder")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def box(arguments):
    """Train, put into the box, print the figures."""
    from serkeras import box as boxes
    from serkeras.cli.runs import print_figures

    run = boxes.make(
        arguments.data or boxes.CORPORA, arguments.training, arguments.out, not arguments.quiet
    )
    print_figures(run.metrics)
    print(run.folder)
