"""The one table of branches."""

from serkeras.models.fusion.spectra import MelBranch, MFCCBranch
from serkeras.models.fusion.waveform import WaveformBranch

# Name of a modality -> its `serkeras.models.fusion.base.Branch`.
BRANCHES = {each.name: each for each in (MelBranch, MFCCBranch, WaveformBranch)}


def chosen(names, settings):
    """Return the branches that are asked for.

    Args:
        names: list of names in `BRANCHES`, in any order.
        settings: dictionary, of which each takes what it names.

    Returns:
        List of branches in the order of the table.

    Raises:
        ValueError: there is none, or one is unknown or named twice.
    """
    known = list(BRANCHES)
    if not names or any(name not in known or list(names).count(name) > 1 for name in names):
        raise ValueError(
            f"`branches` of the model 'mmfusion' must be one or more of {known}, each once. "
            f"Received: {names!r}. Correct model.settings.branches."
        )
    return [BRANCHES[name].of(settings) for name in known if name in names]
