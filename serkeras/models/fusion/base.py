"""What all branches of a fusion have in common."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Branch:
    """Makes one sequence out of the waveform.

    A modality is a frozen dataclass of this kind with an entry in
    `serkeras.models.fusion.branches.BRANCHES`. It has

    - `name`: str, of the class; layers that it lays are named after it;
    - fields: settings; those that `build_mmfusion` has too are given, the others need defaults;
    - `__call__(waveform)`: Keras tensor float32 `(clips, samples)` to a Keras tensor `(clips,
      steps, width)`, steps and width known.
    """

    @classmethod
    def of(cls, settings):
        """Return the branch with what it takes out of a dictionary of settings."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: settings[name] for name in names if name in settings})

    def first_weights(self):
        """Return the files that the branch starts from, see `serkeras.models.first_weights`."""
        return []
