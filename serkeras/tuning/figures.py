"""Figures of a search: every trial as a line through its settings, and what settings matter."""

import json

import numpy as np
import pandas as pd

from serkeras.evaluation import plots

# Fewer trials say nothing about what matters.
LEAST_TRIALS = 8
MOST_CURVES = 8  # whose lines a legend can still tell apart


def parallel_coordinates(search):
    """Draw each finished trial as a line through its settings to its objective.

    Args:
        search: `serkeras.tuning.Search` with a finished trial.

    Returns:
        `matplotlib.figure.Figure`; the best trial is drawn thick and dark, settings that a
        condition left out have no point.
    """
    import matplotlib

    plan, table = search.plan, _finished(search)
    axes = [*plan.space, plan.objective]
    heights, ticks = zip(
        *(_scaled(table[name], plan.space.get(name)) for name in axes), strict=True
    )
    figure = plots.new_figure(4.6)
    axis = figure.subplots()
    rank = table[plan.objective].rank(pct=True, ascending=plan.direction == "max")
    colours = matplotlib.colormaps["cividis_r"]
    for row in range(len(table) - 1, -1, -1):
        best = row == 0
        axis.plot(
            range(len(axes)),
            [height[row] for height in heights],
            color=plots.VERMILION if best else colours(0.15 + 0.7 * rank.iloc[row]),
            linewidth=2.6 if best else 1.1,
            marker="o",
            markersize=5 if best else 3,
            alpha=1.0 if best else 0.75,
            label="best" if best else None,
        )
    for place, marks in enumerate(ticks):
        axis.axvline(place, color=plots.GREY, linewidth=0.8, zorder=0)
        for height, words in marks:
            axis.annotate(words, (place, height), (4, 3), textcoords="offset points", fontsize=8)
    axis.set_xticks(range(len(axes)), [_short(name) for name in axes], fontsize=9)
    axis.set_yticks([])
    axis.set_xlim(-0.15, len(axes) - 0.75)
    axis.spines[:].set_visible(False)
    axis.legend(loc="upper left", bbox_to_anchor=(0, 1.1), frameon=False)
    axis.set_title(f"{len(table)} trials of {plan.experiment.recipe}, {plan.tuner}")
    return figure


def learning(search):
    """Draw validation accuracy and loss of each trial over its epochs.

    Args:
        search: `serkeras.tuning.Search` with a finished trial.

    Returns:
        `matplotlib.figure.Figure` of the `MOST_CURVES` best choices, each with its longest trial,
        means over folds and repeats; None of classical models, which have no epochs.
    """
    import matplotlib

    shown = _furthest(search).head(MOST_CURVES)
    if search.plan.is_classical:
        return None
    figure = plots.new_figure(4.0)
    axes = figure.subplots(1, 2)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(shown)))
    for (_, row), colour in zip(shown.iterrows(), colours, strict=True):
        curve = _curve(search.folder / "trials" / row["trial"])
        words = ", ".join(f"{_short(name)} {_told(row[name])}" for name in search.plan.space)
        for axis, name in zip(axes, ("val_accuracy", "val_loss"), strict=True):
            axis.plot(curve[name], color=colour, marker=".", label=words)
    for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
        axis.set(title=f"Validation {name}", xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    axes[0].set(ylabel="accuracy (share of clips)", ylim=(0, None))
    most = search.table["val_loss"].max()
    axes[1].set_ylim(0, min(axes[1].get_ylim()[1], 2.5 * most))
    lines = axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _furthest(search):
    """Return the trials, without those that another one of the same settings has gone on from."""
    table = _finished(search)
    settings = table[list(search.plan.space)].astype(str)
    last = table["budget"].groupby([settings[name] for name in settings]).transform("max")
    return table[(table["budget"] == last) & ~settings.assign(b=table["budget"]).duplicated()]


def _curve(folder):
    """Return the mean history of a trial's fits, an epoch a row."""
    fits = [pd.read_csv(path) for path in sorted(folder.glob("*/history.csv"))]
    return pd.concat(fits).groupby("epoch")[["val_accuracy", "val_loss"]].mean()


def _told(value):
    return f"{value:.3g}" if isinstance(value, float) else value


def importance(search):
    """Draw how much each setting mattered.

    A random forest learns the objective from the settings (and from the epochs a trial had, its
    budget); the more its R² drops when one of them is shuffled, the more that one matters.

    Args:
        search: `serkeras.tuning.Search`.

    Returns:
        `matplotlib.figure.Figure`; None of fewer than `LEAST_TRIALS` finished trials, or where
        they do not differ.
    """
    found = importances(search)
    if found is None:
        return None
    figure = plots.new_figure(1.3 + 0.45 * len(found))
    axis = figure.subplots()
    axis.barh([_short(name) for name in found.index], found["mean"], color=plots.BLUE)
    axis.errorbar(
        found["mean"], range(len(found)), xerr=found["std"], fmt="none", color="black", capsize=3
    )
    axis.set_xlabel(f"drop of a forest's R² on {search.plan.objective} when it is shuffled")
    axis.set_title(f"What mattered in {len(_finished(search))} trials")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def importances(search):
    """Return the importance of each setting, see `importance`, most important last.

    Returns:
        DataFrame with the columns mean and std (over shuffles), or None.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    table, plan = _finished(search), search.plan
    target = table[plan.objective]
    if len(table) < LEAST_TRIALS or target.nunique() < 2:
        return None
    columns = [*plan.space, "budget"]
    x = np.column_stack([_scaled(table[name], plan.space.get(name))[0] for name in columns])
    x = np.nan_to_num(x, nan=-1.0)
    forest = RandomForestRegressor(200, random_state=0).fit(x, target)
    found = permutation_importance(forest, x, target, n_repeats=20, random_state=0)
    values = {"mean": found.importances_mean, "std": found.importances_std}
    return pd.DataFrame(values, index=columns).sort_values("mean")


def _finished(search):
    return search.table[search.table["state"] == "finished"].reset_index(drop=True)


def _scaled(values, entry):
    """Return heights between 0 and 1, and marks (height, words) of some values."""
    if entry and "values" in entry:
        words = [json.dumps(each) for each in _upwards(entry["values"])]
        coded = values.map(lambda value: _place(value, words))
        most = max(1, len(words) - 1)
        return (coded / most).to_numpy(), [(n / most, _plain(w)) for n, w in enumerate(words)]
    numbers = pd.to_numeric(values)
    low, high = (entry["min"], entry["max"]) if entry else (numbers.min(), numbers.max())
    scale = np.log if entry and entry.get("log") else np.asarray
    span = (scale(high) - scale(low)) or 1.0
    heights = (scale(numbers.to_numpy(dtype=float)) - scale(low)) / span
    return heights, [(0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")]


def _upwards(values):
    """Return numbers in order, and anything else as it is."""
    numeric = all(type(each) in (int, float) for each in values)
    return sorted(values) if numeric else values


def _place(value, words):
    # A table turns whole numbers into floats where a condition has left some out.
    for place, word in enumerate(words):
        if json.loads(word) == value:
            return float(place)
    return float("nan")


def _plain(word):
    return word.strip('"') if len(word) < 24 else word[:21] + "..."


def _short(name):
    parts = name.split(".")
    return "\n".join(parts[-2:]) if parts[-1].isdigit() else parts[-1]
