"""The command that says why a run says what it says."""

from serkeras.cli import options


def add_explain(subparsers):
    """Add the command `explain`."""
    command = options.add_command(
        subparsers,
        "explain",
        explain,
        "show which parts of a clip count for a run's answers, and whether to believe that",
        """
        python -m serkeras explain artifacts/runs/NAME
        python -m serkeras explain artifacts/runs/NAME --method saliency --method occlusion-time
        python -m serkeras explain artifacts/runs/NAME clip.wav --emotion angry --out figures
        Without recordings the run's test side is explained: RUN/analyses/explanation/page.md.
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("paths", nargs="*", metavar="PATH", help="recordings or folders of them")
    command.add_argument(
        "--method",
        action="append",
        metavar="NAME",
        help="saliency, smoothgrad, integrated-gradients, grad-cam, occlusion-time, "
        "occlusion-frequency or occlusion-patches; give it again for more (all that suit the run)",
    )
    command.add_argument(
        "--emotion",
        metavar="NAME",
        help="explain this emotion in recordings; of the test side, clips with this answer",
    )
    command.add_argument("--clips", type=int, metavar="N", help="test clips to explain (48)")
    command.add_argument(
        "--baseline",
        choices=("mean", "silence"),
        default="mean",
        help="what replaces a part: the mean of the training clips (default), or silence",
    )
    command.add_argument("--seed", type=int, default=0, help="of clips, noise and weights (0)")
    command.add_argument("--out", metavar="DIR", help="folder of the page or of the figures")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def explain(arguments):
    """Write the page of the test side, or a figure a recording."""
    from serkeras import explanation
    from serkeras.serving.predict import find_recordings

    given = {
        "methods": arguments.method,
        "emotion": arguments.emotion,
        "baseline": arguments.baseline,
        "seed": arguments.seed,
        "progress": not arguments.quiet,
    }
    if not arguments.paths:
        count = arguments.clips or explanation.CLIPS
        path = explanation.explain(arguments.run_folder, clips=count, out=arguments.out, **given)
        print(f"page: {path}")
        return 0
    paths, out = find_recordings(arguments.paths), arguments.out or explanation.NAME
    for path in explanation.explain_recordings(arguments.run_folder, paths, out=out, **given):
        print(path)
    return 0
