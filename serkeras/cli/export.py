"""The command that writes a run for other runtimes."""

from serkeras.cli import options


def add_export(subparsers):
    """Add the command `export`."""
    command = options.add_command(
        subparsers,
        "export",
        export,
        "write a run as one file from waveforms to probabilities: Keras, SavedModel, ONNX, LiteRT",
        """
        python -m serkeras export artifacts/runs/NAME --format onnx
        python -m serkeras export artifacts/runs/NAME --format tflite-int8 --out model.tflite
        python -m serkeras export --out model.onnx                    the model in the box
        The file holds the features, the normalisation and the labels; before it is kept, it must
        answer as the run does on test recordings, within 1e-4 (of int8 the loss is measured).
        """,
    )
    command.add_argument(
        "run_folder", metavar="RUN", nargs="?", help="finished run (the model in the box)"
    )
    command.add_argument(
        "--format",
        default="onnx",
        choices=("keras", "saved_model", "onnx", "litert", "tflite-int8"),
        help="of the file (onnx)",
    )
    command.add_argument("--out", metavar="FILE", help="default: below RUN/export")
    command.add_argument(
        "--clips", type=int, default=32, metavar="N", help="test clips to compare on (32)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace what stands there")


def export(arguments):
    """Write the file and print how it compares."""
    from serkeras import box, exporting

    found = exporting.export(
        arguments.run_folder or box.folder(),
        arguments.format,
        arguments.out,
        clips=arguments.clips,
        overwrite=arguments.overwrite,
    )
    print(f"{found['path']}  {found['bytes'] / 1e6:.2f} MB")
    print(
        f"on {found['clips']} clips: largest difference {found['largest_difference']:.1e}, "
        f"same answer {100 * found['agreement']:.1f} %{_of_both(found)}"
    )


def _of_both(found):
    if "uar_run" not in found:  # packed to be shared, without test recordings
        return ""
    run, export = 100 * found["uar_run"], 100 * found["uar_export"]
    return f", UAR {run:.1f} % of the run, {export:.1f} % of the export"
