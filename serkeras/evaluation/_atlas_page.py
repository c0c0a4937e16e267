"""The page of a feature atlas: panels, scales and words; see `serkeras.evaluation.atlas`."""

from textwrap import fill

import numpy as np

from serkeras.evaluation import plots

# Inches. The page of all features is 16 x 20.
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 16.0, 2.9, 1.55, 1.25, 0.98
_IMAGE, _LINE, _GAP, _OWN_AXIS = 0.93, 0.66, 0.12, 0.42

_ON_MEL_BANDS = ("mel", "log_mel", "multi_resolution", "mel_image")
_HERTZ = (250, 1000, 4000)
_PITCH_CLASSES = {0: "C", 4: "E", 8: "G#"}
_READING = (
    "Colours and axes mean the same along a row; values past their ends keep the last colour."
)


def draw(rows, emotions, sample_rate, title, credit):
    """Draw rows of panels.

    Args:
        rows: list of `serkeras.evaluation._atlas_rows.Row`.
        emotions: names of the columns.
        sample_rate: int, hertz.
        title: of the page.
        credit: whose recordings these are.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = _page(_TOP + sum(map(_height, rows)) + _BOTTOM)
    _draw_rows(figure, rows, emotions, sample_rate)
    height = figure.get_size_inches()[1]
    _write(figure, 0.25, height - 0.5, "Feature atlas", fontsize=20, fontweight="bold")
    _write(figure, _LEFT, height - 0.5, title, fontsize=13)
    _write(figure, 0.25, 0.12, f"{_READING}\n{fill(credit, 200)}", fontsize=9.5, va="bottom")
    return figure


def _height(row):
    own_axis = _OWN_AXIS if row.over_bins else 0
    return (_LINE if row.is_line else _IMAGE) + _GAP + own_axis


def _page(height):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((_WIDTH, height), dpi=plots.DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _axes(figure, left, bottom, width, height):
    """Add axes at a place in inches: a layout engine would move rows apart."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def _write(figure, x, y, text, **style):
    wide, high = figure.get_size_inches()
    figure.text(x / wide, y / high, text, **style)


def _draw_rows(figure, rows, emotions, sample_rate):
    timed = [row for row in rows if not row.over_bins]
    end = max((row.extent(i)[1] for row in timed for i in range(len(emotions))), default=1.0)
    top = figure.get_size_inches()[1] - _TOP
    for row in rows:
        panels = _draw_row(figure, row, top, (0, end))
        _name_bins(panels[0], row, sample_rate)
        if row is rows[0]:
            for axis, emotion in zip(panels, emotions, strict=True):
                axis.set_title(fill(emotion, 14), fontsize=14, fontweight="bold", pad=7)
        if row.over_bins or row is timed[-1]:
            for axis in panels:
                axis.tick_params(labelbottom=True)
                axis.xaxis.get_major_locator().set_params(nbins=4, prune="upper")
                axis.set_xlabel("bin" if row.over_bins else "time (s)", fontsize=10, labelpad=1)
        top -= _height(row)


def _draw_row(figure, row, top, seconds):
    """Draw the panels, the words at their left and the scale at their right."""
    height = _LINE if row.is_line else _IMAGE
    width = (_WIDTH - _LEFT - _RIGHT) / len(row.arrays)
    panels = []
    for column in range(len(row.arrays)):
        left = _LEFT + column * width
        axis = _axes(figure, left, top - height, width - 0.08, height)
        (_draw_line if row.is_line else _draw_image)(axis, row, column)
        axis.set_xlim(row.extent(column) if row.over_bins else seconds)
        axis.tick_params(labelsize=9, length=2, labelbottom=False, left=False, labelleft=False)
        panels.append(axis)
    _write_name(figure, row, top - height / 2)
    right = _WIDTH - _RIGHT
    if row.is_line:
        panels[-1].tick_params(right=True, labelright=True)
    elif row.look.unit:
        _draw_bar(_axes(figure, right, top - height, 0.13, height), row, panels[0])
    if row.look.unit or not row.is_line:
        _write_unit(figure, row, right + 0.62, top - height / 2)
    return panels


def _draw_line(axis, row, column):
    x = row.starts[column] + row.steps[column] * np.arange(len(row.arrays[column]))
    thin = row.config.name == "waveform"
    axis.plot(x, row.arrays[column], color=plots.BLUE, linewidth=0.4 if thin else 1.3)
    axis.set_ylim(row.limits)
    axis.grid(alpha=0.3)


def _draw_image(axis, row, column):
    array = row.arrays[column]
    picture = row.config.name == "mel_image"
    bins = row.config.n_mels if picture else len(array)
    place = {"extent": (*row.extent(column), -0.5, bins - 0.5), "aspect": "auto"}
    if array.ndim == 3:
        axis.imshow(array, origin="upper" if picture else "lower", **place)
        axis.set_facecolor("black")
        return
    low, high = row.limits
    colours = _colour_map(row)
    axis.imshow(array, origin="lower", cmap=colours, vmin=low, vmax=high, **place)
    # A clip that ends before the others goes on as silence.
    axis.set_facecolor(colours(0.5 if row.look.spread == "signed" else 0.0))


def _colour_map(row):
    from matplotlib import colormaps

    if row.config.name == "mel_image":
        return colormaps[row.config.colormap]
    if row.look.spread == "signed":
        return colormaps["RdBu_r"]
    return colormaps["magma" if row.config.name in _ON_MEL_BANDS else "viridis"]


def _draw_bar(axis, row, panel):
    """Draw the scale of the colours; its pointed ends say that values pass them."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(*row.limits), _colour_map(row))
    extend = {"signed": "both", "decibels": "min", "positive": "max"}[row.look.spread]
    extend = "both" if row.config.name == "mel_image" else extend
    axis.set_label("<colorbar>")  # what matplotlib calls those that it places itself
    bar = axis.figure.colorbar(scale, cax=axis, extend=extend, extendfrac=0.08)
    bar.ax.tick_params(labelsize=9, length=2)
    bar.locator.set_params(nbins=4)


def _write_name(figure, row, middle):
    """Write the feature's name over what it shows."""
    # Breaks only behind "+"; more lines push the name up less than they are high.
    name = fill(row.config.name.replace("+", "+ "), 26).replace("+ ", "+")
    name = f"{name}, whitened" if row.config.whiten else name
    style = {"ha": "left", "linespacing": 1.15}
    middle += 0.03 - 0.09 * name.count("\n")
    _write(figure, 0.25, middle, name, va="bottom", fontsize=11, fontweight="bold", **style)
    about = fill(row.look.about, 34)
    _write(figure, 0.25, middle - 0.05, about, va="top", fontsize=9.5, **style)


def _write_unit(figure, row, x, middle):
    if row.config.name == "multi_resolution":
        names = zip(("red", "green", "blue"), row.config.windows, strict=True)
        words = "\n".join(f"{colour}: {window}" for colour, window in names) + "\nsamples"
    elif row.config.name == "spectrogram_mfcc_delta":
        words = "red: log-Mel\ngreen: MFCC\nblue: slope"
    else:
        words = fill(row.look.unit, 12)
    x = x if row.is_line or row.look.unit else x - 0.6
    _write(figure, x, middle, words, fontsize=9.5, va="center")


def _name_bins(axis, row, sample_rate):
    """Write what some bins are beside the first panel of a row of images."""
    if row.is_line:
        return
    if row.config.name in _ON_MEL_BANDS:
        names = _mel_ticks(row.config, sample_rate)
    elif row.config.name == "chroma":
        names = _PITCH_CLASSES
    else:
        names = {edge: str(edge) for edge in (0, len(row.arrays[0]) - 1)}
    axis.set_yticks(list(names), list(names.values()))
    axis.tick_params(left=True, labelleft=True)


def _mel_ticks(config, sample_rate):
    """Return {band: kilohertz}; band i has its centre at (i + 1) / (bands + 1) of the mel axis."""
    import librosa

    ends = (config.fmin, config.fmax or sample_rate / 2)
    low, high = librosa.hz_to_mel(np.array(ends))
    inside = [hertz for hertz in _HERTZ if ends[0] < hertz < ends[1]]
    bands = [(librosa.hz_to_mel(h) - low) / (high - low) * (config.n_mels + 1) - 1 for h in inside]
    return dict(zip(bands, (f"{hertz / 1000:g}" for hertz in inside), strict=True))
