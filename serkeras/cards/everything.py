"""`analyse`: all analyses and cards that a run can have, for its page."""

from serkeras.cards.data import NAME, data_card
from serkeras.cards.model import model_card
from serkeras.ensembles import open_run
from serkeras.evaluation import analysis
from serkeras.runs import Run


def analyse(run, progress=True):
    """Make the analyses and cards that a run does not have yet.

    Args:
        run: finished `serkeras.Run`, `serkeras.Ensemble`, or the path of its folder.
        progress: show bars.

    Returns:
        Dictionary from the names of analyses that could not be made to why: recordings that are
        not at hand, for instance. The others are made all the same.

    Raises:
        FileNotFoundError: the folder holds no finished run.
    """
    from serkeras import confidence, enrolment, explanation, groups, robustness

    run = open_run(run)
    _ = run.metrics  # an unfinished run says so here
    ways = {
        "model card": lambda: model_card(run),
        "groups": lambda: groups.measure_groups(run),
        "confidence": lambda: confidence.measure_confidence(run),
        "robustness": lambda: robustness.measure_robustness(run, progress=progress),
        "explanation": lambda: explanation.explain(run, progress=progress),
        NAME: lambda: data_card(run, progress=progress),
    }
    if _by_speaker(run):
        ways["enrolment"] = lambda: enrolment.measure_enrolment(run)
    left_out = {}
    for name, make in ways.items():
        if (analysis.place(run, name) / analysis.PAGE).is_file():
            continue
        try:
            make()
        except (OSError, ValueError) as error:
            left_out[name] = str(error)
    return left_out


def _by_speaker(run):
    """Whether one model needs recordings of its test speakers; ensembles cannot be enrolled."""
    return isinstance(run, Run) and run.experiment.model.by_speaker
