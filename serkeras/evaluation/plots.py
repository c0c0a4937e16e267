"""Figures of a run, made without pyplot: drawing one leaves no state behind.

Every function returns a `matplotlib.figure.Figure`; a notebook shows it, `save` writes it.
Colours are of the Okabe-Ito set, which stays distinct with any colour vision, and no
figure says by colour alone what it says.
"""

from textwrap import fill

import numpy as np

from serkeras._files import atomic_path
from serkeras.evaluation.intervals import BY_SPEAKER

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8C8C8C"
DPI = 110
WIDTH = 9.0  # inches; 990 pixels, about the width of a README


def new_figure(height, width=WIDTH, layout="constrained"):
    """Return an empty white `matplotlib.figure.Figure` of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)  # seaborn measures its tick labels on the canvas
    return figure


def save(figure, path):
    """Write a figure as PNG, whole or not at all; equal figures give equal bytes.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: file that ends in .png; missing folders are made.

    Raises:
        ValueError: `path` has another ending.
    """
    if not str(path).endswith(".png"):
        raise ValueError(
            f"`path` must end in .png. Received: {str(path)!r}. "
            "Call figure.savefig for other formats."
        )
    with atomic_path(path) as temporary:
        # matplotlib would write its own version into the file.
        figure.savefig(temporary, format="png", dpi=figure.dpi, metadata={"Software": None})


def reach(values, low, high):
    """Return how far error bars reach down and up, float array `(2, values)`, 0 or more.

    A percentile interval may miss its own value; an error bar cannot be negative.
    """
    values, low, high = (np.atleast_1d(each) for each in (values, low, high))
    return np.maximum([values - low, high - values], 0)


def curves(history, best_epoch=None):
    """Draw loss and accuracy over the epochs, and the learning rate where it changes.

    Args:
        history: DataFrame with columns epoch, loss, accuracy, val_loss, val_accuracy, phase
            ("search": the fit with a validation set; "final": the fit after it) and, where
            known, learning_rate.
        best_epoch: epoch to mark; by default the one with the smallest `val_loss` of the
            search, if it has any.

    Returns:
        `matplotlib.figure.Figure` with two panels or three.

    Raises:
        ValueError: columns are missing or there is no row.
    """
    needed = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "phase"]
    missing = [name for name in needed if name not in history.columns]
    if missing or history.empty:
        raise ValueError(
            f"`history` must have the columns {needed} and at least one row. Received: "
            f"{len(history)} rows, missing columns {missing}. Give the run's history.csv."
        )
    search = history[history["phase"] == "search"]
    if best_epoch is None and search["val_loss"].notna().any():
        best_epoch = int(search.loc[search["val_loss"].idxmin(), "epoch"])
    first, last = history["epoch"].min(), history["epoch"].max()
    changing = "learning_rate" in history and history["learning_rate"].nunique() > 1
    names = ("loss", "accuracy", "learning_rate")[: 3 if changing else 2]
    figure = new_figure(3.8)
    axes = dict(zip(names, figure.subplots(1, len(names)), strict=True))
    for name, axis in axes.items():
        _curve_lines(axis, history, name)
        if best_epoch is not None:
            axis.axvline(best_epoch, color=GREY, linestyle=":", label=f"best epoch, {best_epoch}")
        words = name.replace("_", " ")
        axis.set(title=words.capitalize(), xlabel="epoch", ylabel=words)
        axis.set_xlim(first - 0.5, last + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    axes["accuracy"].set(ylabel="accuracy (share of clips)", ylim=(0, 1.02))
    if changing:
        axes["learning_rate"].set_yscale("log")
    lines = axes["accuracy"].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=5)
    return figure


def _curve_lines(axis, history, name):
    lines = [
        ("search", name, BLUE, "-", "training"),
        ("search", f"val_{name}", VERMILION, "-", "validation"),
        ("final", name, BLUE, "--", "training, final fit"),
        ("final", f"val_{name}", VERMILION, "--", "validation, final fit"),
    ]
    for phase, column, colour, style, label in lines:
        if column not in history:  # there is no learning rate of validation
            continue
        rows = history[(history["phase"] == phase) & history[column].notna()]
        if len(rows):
            # A single epoch is no line; the dot keeps it visible.
            marker = "o" if len(rows) == 1 else None
            axis.plot(rows["epoch"], rows[column], style, color=colour, label=label, marker=marker)


def confusion(matrix, labels):
    """Draw a confusion matrix as counts and as rates of each row.

    Args:
        matrix: int array `(classes, classes)` of counts, rows are the truth.
        labels: names of the classes.

    Returns:
        `matplotlib.figure.Figure` with two panels; the rates of a class without a clip
        stay empty.

    Raises:
        ValueError: shape and labels disagree.
    """
    import seaborn

    matrix, labels = np.asarray(matrix), list(labels)
    if matrix.shape != (len(labels), len(labels)):
        raise ValueError(
            f"`matrix` must have one row and one column a label, {len(labels)} of each. "
            f"Received: shape={matrix.shape}. Give the labels that made it."
        )
    support = matrix.sum(axis=1, keepdims=True)
    rates = np.where(support > 0, 100 * matrix / np.maximum(support, 1), np.nan)
    size = 2.0 + 0.36 * len(labels) + 0.04 * max(map(len, labels))
    # Square cells do not fill their place: only this layout keeps their labels on the page.
    figure = new_figure(size, width=max(WIDTH, 2.1 * size), layout="compressed")
    panels = (("Clips", matrix, "d", None), ("Share of the true class (%)", rates, ".0f", 100))
    for axis, (title, values, form, top) in zip(figure.subplots(1, 2), panels, strict=True):
        seaborn.heatmap(
            values, ax=axis, annot=True, fmt=form, cmap="Blues", vmin=0, vmax=top, square=True,
            cbar=False, linewidths=0.5, linecolor="white", xticklabels=labels, yticklabels=labels,
        )  # fmt: skip
        axis.set(title=title, xlabel="what the model said", ylabel="truth")
        axis.tick_params(axis="y", rotation=0)
        if max(map(len, labels)) * len(labels) > 24:
            for text in axis.get_xticklabels():
                text.set(rotation=40, ha="right", rotation_mode="anchor")
    return figure


def per_class(metrics):
    """Draw precision, recall and F1 of each class, with its number of clips.

    Args:
        metrics: result of `serkeras.evaluation.metrics.evaluate`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows = metrics["per_class"]
    names = [f"{fill(label, 12)}\n{row['support']} clips" for label, row in rows.items()]
    figure = new_figure(4.0, width=max(WIDTH, 1.1 * len(rows)))
    axis = figure.subplots()
    places = np.arange(len(rows))
    bars = (("precision", BLUE, ""), ("recall", ORANGE, "//"), ("f1", GREEN, ".."))
    for offset, (name, colour, hatch) in zip((-0.27, 0, 0.27), bars, strict=True):
        heights = [row[name] for row in rows.values()]
        label = "F1" if name == "f1" else name
        axis.bar(
            places + offset, heights, 0.25, color=colour, hatch=hatch, edgecolor="white",
            label=label,
        )  # fmt: skip
    axis.set_xticks(places, names)
    axis.set(title="Results of each class", ylabel="value (0 to 1)", ylim=(0, 1.02))
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def groups(metrics):
    """Draw accuracy and UAR of each known group, with 95 % intervals.

    Args:
        metrics: result of `serkeras.evaluation.metrics.evaluate`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: no group is known.
    """
    rows = {"all clips": {**metrics, "n": sum(map(sum, metrics["confusion_matrix"]))}}
    for kind in ("sex", "corpus"):
        rows.update({(kind, name): row for name, row in metrics["groups"][kind].items()})
    if len(rows) == 1:
        raise ValueError(
            "`metrics` must hold at least one group by sex or corpus. Received: none. "
            "Leave this figure out when neither is known."
        )
    figure = new_figure(1.6 + 0.6 * len(rows))
    axis = figure.subplots()
    places = np.arange(len(rows))
    for offset, (name, label, colour, hatch) in zip(
        (-0.2, 0.2), (("accuracy", "accuracy", BLUE, ""), ("uar", "UAR", ORANGE, "//")), strict=True
    ):
        measured = [row[name] for row in rows.values()]
        _interval_bars(axis, places + offset, measured, colour, hatch, label)
    names = [key if isinstance(key, str) else f"{key[0]}: {key[1]}" for key in rows]
    sizes = [_size(row) for row in rows.values()]
    axis.set_yticks(places, [f"{name}\n{size}" for name, size in zip(names, sizes, strict=True)])
    axis.invert_yaxis()
    axis.set(
        title="Results of each group, with 95 % intervals", xlim=(0, 1.02),
        xlabel="value (0 to 1)",
    )  # fmt: skip
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _size(row):
    """How many clips and speakers a row of `groups` rests on."""
    about = row["intervals"]
    speakers = f", {about['clusters']} speakers" if about["method"] == BY_SPEAKER else ""
    return f"{row['n']} clips{speakers}"


def _interval_bars(axis, places, measured, colour, hatch, label):
    values, low, high = (
        np.array([item[name] for item in measured]) for name in ("value", "low", "high")
    )
    axis.barh(
        places, values, 0.36, xerr=reach(values, low, high), color=colour, hatch=hatch,
        edgecolor="white", ecolor="black", capsize=3, label=label,
    )  # fmt: skip


def clip_page(clips, waves, sample_rate, probabilities, labels):
    """Draw clips with waveform, log-mel spectrogram and what the model said.

    Args:
        clips: manifest rows of the clips; the columns clip and emotion are read.
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: hertz.
        probabilities: float array `(clips, classes)`.
        labels: names of the classes, in the order of the columns.

    Returns:
        `matplotlib.figure.Figure`, two clips beside each other.

    Raises:
        ValueError: lengths disagree or there is no clip.
    """
    from serkeras import features

    waves, probabilities = np.asarray(waves), np.asarray(probabilities)
    if not len(clips) or not len(clips) == len(waves) == len(probabilities):
        raise ValueError(
            "`clips`, `waves` and `probabilities` must have the same length of at least 1. "
            f"Received: {len(clips)}, {len(waves)}, {len(probabilities)}. Choose the same rows."
        )
    spectrograms = features.log_mel(waves, sample_rate=sample_rate)
    lines = -(-len(clips) // 2)
    figure = new_figure(lines * (2.6 + 0.08 * max(0, len(labels) - 7)), width=12.0)
    grid = figure.add_gridspec(
        2 * lines, 4, width_ratios=(1.7, 1, 1.7, 1), height_ratios=(1, 1.8) * lines
    )
    rows = zip(clips["clip"], clips["emotion"], waves, spectrograms, probabilities, strict=True)
    for index, (clip, truth, wave, spectrogram, row) in enumerate(rows):
        line, column = 2 * (index // 2), 2 * (index % 2)
        said = labels[int(np.argmax(row))]
        upper = figure.add_subplot(grid[line, column])
        _draw_wave(upper, wave, sample_rate)
        _write_verdict(upper, clip, truth, said)
        lower = figure.add_subplot(grid[line + 1, column], sharex=upper)
        _draw_spectrogram(lower, spectrogram, len(wave), sample_rate)
        answers = figure.add_subplot(grid[line : line + 2, column + 1])
        _draw_answers(answers, row, labels, truth, said)
    return figure


def _write_verdict(axis, clip, truth, said):
    right = said == truth
    verdict = f"RIGHT: {truth}" if right else f"WRONG: {truth}, model says {said}"
    axis.set_title(f"{verdict}\n{clip}", loc="left", fontsize=9, color=BLUE if right else VERMILION)


def _draw_wave(axis, wave, sample_rate):
    axis.plot(np.arange(len(wave)) / sample_rate, wave, color=BLUE, linewidth=0.4)
    axis.tick_params(labelbottom=False, labelsize=7)
    limit = max(1.05 * float(np.abs(wave).max()), 1e-3)
    axis.set(ylim=(-limit, limit))
    axis.set_ylabel("amplitude", fontsize=8)


def _draw_spectrogram(axis, spectrogram, samples, sample_rate):
    import librosa

    bands, seconds = len(spectrogram), samples / sample_rate
    # The upper 60 dB show the voice; in a silent clip every value is the floor.
    floor, top = float(spectrogram.min()), float(spectrogram.max())
    limits = {"vmin": top - 60, "vmax": top} if top > floor else {"vmin": top, "vmax": top + 60}
    extent = (0, seconds, 0, bands)
    axis.imshow(spectrogram, origin="lower", aspect="auto", cmap="magma", extent=extent, **limits)
    ticks = np.array([hertz for hertz in (500, 1000, 2000, 4000, 8000) if hertz < sample_rate / 2])
    # Band i has its centre at (i + 1) / (bands + 1) of the mel axis and is drawn at i + 0.5.
    share = librosa.hz_to_mel(ticks) / librosa.hz_to_mel(sample_rate / 2)
    axis.set_yticks(share * (bands + 1) - 0.5, [f"{hertz / 1000:g}" for hertz in ticks])
    axis.tick_params(labelsize=7)
    axis.set_xlabel("time (s)", fontsize=8)
    axis.set_ylabel("mel bands (kHz)", fontsize=8)


def _draw_answers(axis, row, labels, truth, said):
    colours = [BLUE if label == truth else VERMILION if label == said else GREY for label in labels]
    axis.barh(labels, row, color=colours)
    names = [f"{label} (truth)" if label == truth else label for label in labels]
    axis.set_yticks(range(len(labels)), names)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.02))
    axis.set_xticks((0, 0.5, 1))
    axis.tick_params(labelsize=7)
    axis.set_xlabel("probability", fontsize=8)
