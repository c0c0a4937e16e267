"""Figures of a run's confidence; see `serkeras.evaluation.plots` for their colours."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, reach

_WAYS = {"clips": ("clips", BLUE, "o", "-"), "speakers": ("speakers", VERMILION, "s", "--")}


def reliability(calibration):
    """Draw how often answers are right against how sure they are, before and after the temperature.

    Args:
        calibration: result of `serkeras.confidence.measured.calibrate`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(5.2)
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(3, 1))
    degree = calibration["temperature"]["value"]
    titles = ("as the model says it", f"with the temperature {degree:.2f}")
    for column, (name, title) in enumerate(zip(("before", "after"), titles, strict=True)):
        upper, lower = grid[:, column]
        _draw_bins(upper, lower, calibration[name]["bins"])
        upper.set_title(title.capitalize() if column == 0 else title[0].upper() + title[1:])
    grid[0, 0].set_ylabel("right answers (share)")
    grid[1, 0].set_ylabel("clips")
    most = max(row["clips"] for name in ("before", "after") for row in calibration[name]["bins"])
    for lower in grid[1]:
        lower.set(xlabel="probability of the answer", ylim=(0, 1.25 * most))
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_bins(upper, lower, rows):
    upper.plot([0, 1], [0, 1], ":", color=GREY, label="as often right as it says")
    sure, value = (np.array([row[name] for row in rows]) for name in ("confidence", "accuracy"))
    limits = _bars(value, rows)
    upper.errorbar(
        sure, value, yerr=limits, fmt="o", color=BLUE, ecolor=BLUE, capsize=3,
        label="clips of a tenth of the scale, 95 % interval",
    )  # fmt: skip
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.grid(alpha=0.3)
    places = [(row["bin"] + 0.5) / 10 for row in rows]
    counts = [row["clips"] for row in rows]
    lower.bar(places, counts, 0.09, color=GREY)
    for place, count in zip(places, counts, strict=True):
        lower.annotate(str(count), (place, count), ha="center", va="bottom", fontsize=8)


def _bars(values, rows):
    low, high = (np.array([row[name] for row in rows]) for name in ("low", "high"))
    return reach(values, low, high)


def selection(top, selective, people=None):
    """Draw top-k accuracy, and what is left wrong when the least sure answers are withheld.

    Args:
        top: result of `serkeras.confidence.measured.top_k`.
        selective: result of `serkeras.confidence.measured.select`.
        people: share of right answers of people, or None.

    Returns:
        `matplotlib.figure.Figure` of two panels.
    """
    figure = new_figure(4.2)
    left, right = figure.subplots(1, 2)
    _draw_top(left, top, people)
    _draw_curve(right, selective, people)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw_top(axis, top, people):
    values = np.array([row["value"] for row in top])
    ks = [row["k"] for row in top]
    axis.errorbar(ks, values, yerr=_bars(values, top), fmt="o-", color=BLUE, capsize=3)
    axis.plot(ks, np.array(ks) / len(ks), ":", color=GREY)
    middle = (1 + len(ks)) / 2
    axis.annotate("chance", (middle, middle / len(ks)), xytext=(8, -12),
                  textcoords="offset points", color=GREY)  # fmt: skip
    if people is not None:
        axis.axhline(people, color=ORANGE, linestyle="-.")
    axis.set(title="Truth among the k most probable", xlabel="k (classes)",
             ylabel="clips (share)", ylim=(0, 1.04), xticks=ks)  # fmt: skip
    axis.grid(alpha=0.3)


def _draw_curve(axis, selective, people):
    rows = [row["risk"] for row in selective["curve"]]
    coverage = [100 * row["coverage"] for row in selective["curve"]]
    risk, low, high = ([row[name] for row in rows] for name in ("value", "low", "high"))
    axis.fill_between(coverage, low, high, color=BLUE, alpha=0.2, linewidth=0)
    axis.plot(coverage, risk, color=BLUE, label="the model, 95 % interval")
    axis.plot(coverage, np.full(len(rows), risk[-1]), ":", color=GREY, label="withheld at random")
    share = np.array(coverage) / 100
    ideal = np.maximum(0, 1 - (1 - risk[-1]) / share)
    axis.plot(coverage, ideal, "--", color=GREEN, label="ideal order")
    if people is not None:
        axis.axhline(1 - people, color=ORANGE, linestyle="-.", label=f"people, {people:.0%} right")
    axis.set(title="Answering only the surest", xlabel="clips answered (%)",
             ylabel="wrong among them (share)", xlim=(0, 102), ylim=(0, 1.02))  # fmt: skip
    axis.grid(alpha=0.3)


def sets(found, classes):
    """Draw coverage and size of prediction sets against the level that was asked for.

    Args:
        found: result of `serkeras.confidence.measured.cover`.
        classes: number of classes.

    Returns:
        `matplotlib.figure.Figure`: a row a score, coverage left, size right.
    """
    scores = list(dict.fromkeys(row["score"] for row in found["sets"]))
    figure = new_figure(3.4 * len(scores))
    grid = figure.subplots(len(scores), 2, sharex=True, squeeze=False)
    for line, score in zip(grid, scores, strict=True):
        for way in dict.fromkeys(row["way"] for row in found["sets"]):
            rows = [row for row in found["sets"] if (row["score"], row["way"]) == (score, way)]
            _draw_way(line, rows, _WAYS[way])
        line[0].plot([45, 95], [0.45, 0.95], ":", color=GREY, label="as asked for")
        line[0].set(title=f"{score}: sets with the truth", ylabel="share of the clips")
        line[0].set_ylim(0.3, 1.03)
        line[1].set(title=f"{score}: size of the sets", ylabel="classes", ylim=(0, classes + 0.4))
        line[1].axhline(classes, color=GREY, linestyle=":")
        for axis in line:
            axis.grid(alpha=0.3)
    for axis in grid[-1]:
        axis.set_xlabel("level asked for (%)")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_way(line, rows, look):
    word, colour, marker, style = look
    # Side by side, so that one does not hide the other.
    levels = np.array([100 * row["level"] for row in rows]) + (0.4 if word == "speakers" else -0.4)
    for axis, name in zip(line, ("coverage", "size"), strict=True):
        values = np.array([row[name]["value"] for row in rows])
        limits = _bars(values, [row[name] for row in rows])
        axis.errorbar(
            levels, values, yerr=limits, fmt=marker + style, color=colour, capsize=3,
            label=f"threshold of {word}",
        )  # fmt: skip


def by_speaker(detail):
    """Draw the coverage of each test speaker at one level, with 95 % intervals by clip.

    Args:
        detail: `detail` of the result of `serkeras.confidence.measured.cover`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    speakers = len(detail[0]["by_speaker"])
    figure = new_figure(1.4 + 0.12 * len(detail) * max(speakers, 4))
    axis = figure.subplots()
    offsets = np.linspace(-0.3, 0.3, speakers) if speakers > 1 else np.zeros(1)
    for place, row in enumerate(detail):
        _, colour, marker, _ = _WAYS[row["way"]]
        found = list(row["by_speaker"].values())
        values = np.array([each["value"] for each in found])
        axis.errorbar(
            values, place + offsets, xerr=_bars(values, found), fmt=marker, color=colour,
            elinewidth=1, markersize=5,
        )  # fmt: skip
    level = detail[0]["level"]
    axis.axvline(level, color=GREY, linestyle=":")
    names = [f"{row['score']}, threshold of {row['way']}" for row in detail]
    axis.set_yticks(range(len(detail)), names)
    axis.set(xlabel="sets with the truth (share of a speaker's clips)", xlim=(0, 1.03),
             ylim=(len(detail) - 0.5, -0.5))  # fmt: skip
    axis.set_title(f"Each dot is a test speaker; {level:.0%} were asked for (dotted)")
    axis.grid(axis="x", alpha=0.3)
    return figure


def listeners(answers, named):
    """Draw the model's probability of the label over the share of listeners who named it.

    Args:
        answers: `serkeras.confidence.answers.Answers`.
        named: float array `(clips,)`, NaN where unknown.

    Returns:
        `matplotlib.figure.Figure` of one dot a clip.
    """
    known = ~np.isnan(named)
    of_label = answers.probabilities[np.arange(len(named)), answers.truth][known]
    right = (answers.probabilities.argmax(axis=1) == answers.truth)[known]
    figure = new_figure(4.4, width=6.0)
    axis = figure.subplots()
    looks = ((right, BLUE, "o", "model right"), (~right, VERMILION, "x", "model wrong"))
    for mask, colour, marker, word in looks:
        axis.plot(
            named[known][mask], of_label[mask], marker, color=colour, alpha=0.5, label=word,
            markersize=5,
        )  # fmt: skip
    axis.set(xlabel="listeners who named the label (share)", xlim=(-0.02, 1.02),
             ylabel="model's probability of the label", ylim=(-0.02, 1.02))  # fmt: skip
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
