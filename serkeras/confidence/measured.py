"""The figures of a run's confidence, each with an interval by speaker."""

import numpy as np

from serkeras.confidence import calibration, conformal, ranking
from serkeras.evaluation import resampling

COVERAGES = (0.25, 0.5, 0.75, 1.0)
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
_FITS = 300  # of the temperature; each is a search of its own


def calibrate(test, validation, n_boot=2000, seed=0):
    """Measure calibration on the test side, as it is and with a temperature of the validation side.

    Args:
        test, validation: `serkeras.confidence.answers.Answers`.
        n_boot, seed: of the resampling.

    Returns:
        Dictionary of plain values: `temperature` (`value`, `low`, `high`), `before` and `after`
        (see `_calibration_of`), `intervals`.
    """
    fitted = calibration.fit_temperature(validation.probabilities, validation.truth)

    def fit(rows):
        return calibration.fit_temperature(validation.probabilities[rows], validation.truth[rows])

    drawn, _ = resampling.samples(fit, validation.speakers, min(n_boot, _FITS), seed)
    cooled = calibration.apply_temperature(test.probabilities, fitted)
    before, described = _calibration_of(test.probabilities, test, n_boot, seed)
    after, _ = _calibration_of(cooled, test, n_boot, seed)
    return {
        "temperature": resampling.measured(fitted, drawn),
        "validation_clips": len(validation.truth),
        "validation_speakers": validation.speaker_count,
        "before": before,
        "after": after,
        "intervals": described,
    }


def _calibration_of(probabilities, test, n_boot, seed):
    """Return error, losses and bins of probabilities, and the description of the intervals."""
    confidence, right = calibration.answers(probabilities, test.truth)
    brier = calibration.brier(probabilities, test.truth)
    loss = calibration.log_loss(probabilities, test.truth)
    bin_of = {equal: calibration.bins(confidence, equal) for equal in ("width", "mass")}

    def figures(rows):
        sure, hits = confidence[rows], right[rows]
        return {
            "surplus": sure.mean() - hits.mean(),
            "brier": brier[rows].mean(),
            "log_loss": loss[rows].mean(),
            **{
                f"ece_{equal}": calibration.expected_error(sure, hits, found[rows])
                for equal, found in bin_of.items()
            },
        }

    every = np.arange(len(right))
    values = figures(every)
    drawn, described = resampling.samples(
        lambda rows: list(figures(rows).values()), test.speakers, n_boot, seed
    )
    found = {
        name: (calibration.reflected if name.startswith("ece") else resampling.measured)(
            value, drawn[:, place]
        )
        for place, (name, value) in enumerate(values.items())
    }
    for equal, one in bin_of.items():
        chance = calibration.error_by_chance(confidence, one, seed=seed)
        found[f"ece_{equal}"]["by_chance"] = float(chance.mean())
        found[f"ece_{equal}"]["by_chance_high"] = float(np.quantile(chance, 0.95))
    found["bins"] = _bins(confidence, right, bin_of["width"], test.speakers, n_boot, seed)
    return found, described


def _bins(confidence, right, bin_of, speakers, n_boot, seed):
    """Return the bins of equal width, with limits of their accuracy."""
    rows = calibration.reliability(confidence, right, bin_of)
    size = calibration.N_BINS

    def accuracies(picked):
        clips = np.bincount(bin_of[picked], minlength=size).astype(float)
        hits = np.bincount(bin_of[picked], weights=right[picked], minlength=size)
        return np.where(clips > 0, hits / np.maximum(clips, 1), np.nan)

    drawn, _ = resampling.samples(accuracies, speakers, n_boot, seed)
    for row in rows:
        low, high = resampling.percentile(drawn[:, row["bin"]])
        row["low"], row["high"] = float(low), float(high)
    return rows


def top_k(test, n_boot=2000, seed=0):
    """Return top-k accuracy for k = 1 to all classes, a list of `{"k", "value", "low", "high"}`."""
    place = ranking.rank_of_truth(test.probabilities, test.truth)
    within = place[:, None] < np.arange(1, len(test.labels) + 1)
    drawn, _ = resampling.samples(
        lambda rows: within[rows].mean(axis=0), test.speakers, n_boot, seed
    )
    return [
        {"k": k + 1, **resampling.measured(within[:, k].mean(), drawn[:, k])}
        for k in range(within.shape[1])
    ]


def select(test, n_boot=2000, seed=0):
    """Measure what is left wrong when the least sure answers are withheld.

    Returns:
        Dictionary of `aurc`, `excess`, `at` (list of `{"coverage", "risk"}`, risk with its
        interval) and `curve` (the same at every hundredth, for the figure).
    """
    confidence, right = calibration.answers(test.probabilities, test.truth)
    grid = np.arange(5, 101) / 100

    def numbers(rows):
        sure, hits = confidence[rows], right[rows]
        area, ideal = ranking.area(sure, hits), ranking.ideal_area(hits)
        return np.concatenate([[area, area - ideal], ranking.risk_at(sure, hits, grid)])

    values = numbers(np.arange(len(right)))
    drawn, _ = resampling.samples(numbers, test.speakers, n_boot, seed)
    found = [resampling.measured(value, drawn[:, i]) for i, value in enumerate(values)]
    curve = [
        {"coverage": float(coverage), "risk": risk}
        for coverage, risk in zip(grid, found[2:], strict=True)
    ]
    at = [row for row in curve if row["coverage"] in COVERAGES]
    return {"aurc": found[0], "excess": found[1], "at": at, "curve": curve}


def cover(test, validation, n_boot=2000, seed=0):
    """Measure prediction sets whose thresholds come from the validation side.

    Args:
        test, validation: `Answers`.
        n_boot, seed: of the resampling of test speakers; thresholds stay as they are.

    Returns:
        Dictionary of `sets` (list of dictionaries: score, way, level, threshold (None where there
        is no finite one), coverage and size with intervals, empty (share of empty sets)),
        `detail` (coverage by class and speaker at one level, see `detail_level`), `level` and
        `highest_level` of the way by speaker (None where speakers are unknown).
    """
    speakers = validation.speaker_count
    ways = ("clips", "speakers") if speakers else ("clips",)
    rows, detail = [], []
    shown = detail_level(speakers)
    for score, function in conformal.SCORES.items():
        known, asked = function(validation.probabilities), function(test.probabilities)
        true = known[np.arange(len(known)), validation.truth]
        for way in ways:
            for level in LEVELS:
                limit = _limit(way, true, validation.speakers, level)
                chosen = conformal.sets(asked, limit)
                head = {"score": score, "way": way, "level": level}
                rows.append({**head, **_sets(chosen, limit, test, n_boot, seed)})
                if level == shown:
                    detail.append({**head, **_detail(chosen, test, n_boot, seed)})
    highest = conformal.highest_level(speakers) if speakers else None
    return {"sets": rows, "detail": detail, "level": shown, "highest_level": highest}


def detail_level(speakers):
    """Return the level that is looked at closely: the highest that speakers do more than reach.

    Just at K / (K + 1) the threshold by speaker is the largest score of all.
    """
    highest = conformal.highest_level(speakers) if speakers else 1.0
    return max([level for level in LEVELS if level < highest - 1e-9], default=LEVELS[0])


def _limit(way, scores, speakers, level):
    if way == "clips":
        return conformal.threshold(scores, level)
    return conformal.threshold_by_speaker(scores, speakers, level)


def _sets(chosen, limit, test, n_boot, seed):
    holds = chosen[np.arange(len(chosen)), test.truth]
    size = chosen.sum(axis=1)
    found, _ = resampling.figures(
        lambda rows: {"coverage": holds[rows].mean(), "size": size[rows].mean()},
        test.speakers,
        n_boot,
        seed,
    )
    threshold = None if np.isinf(limit) else limit
    return {"threshold": threshold, **found, "empty": float((size == 0).mean())}


def _detail(chosen, test, n_boot, seed):
    holds = chosen[np.arange(len(chosen)), test.truth]
    names = np.array(test.labels, dtype=object)[test.truth]
    speakers = test.speakers if test.speaker_count else np.full(len(holds), "unknown", object)
    by_speaker = {}
    for name in sorted(set(speakers)):
        own = holds[speakers == name]
        drawn, _ = resampling.samples(lambda rows, own=own: own[rows].mean(), [None] * len(own),
                                      n_boot, seed)  # fmt: skip
        by_speaker[str(name)] = {"clips": len(own), **resampling.measured(own.mean(), drawn)}
    return {"by_class": _by_class(holds, names, test, n_boot, seed), "by_speaker": by_speaker}


def _by_class(holds, names, test, n_boot, seed):
    present, codes = np.unique(names.astype(str), return_inverse=True)

    def shares(rows):
        clips = np.bincount(codes[rows], minlength=len(present)).astype(float)
        hits = np.bincount(codes[rows], weights=holds[rows], minlength=len(present))
        return np.where(clips > 0, hits / np.maximum(clips, 1), np.nan)

    values = shares(np.arange(len(codes)))
    drawn, _ = resampling.samples(shares, test.speakers, n_boot, seed)
    return {
        name: {"clips": int((codes == i).sum()), **resampling.measured(values[i], drawn[:, i])}
        for i, name in enumerate(present)
    }
