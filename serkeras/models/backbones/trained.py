"""Weights of a backbone out of a finished run."""

from functools import cached_property
from pathlib import Path

from serkeras.models.backbones.cards import Card
from serkeras.models.backbones.freezing import bare_name, inside, model_name

# Of the file in which a run keeps its model.
ENDING = ".keras"
_SCALED = "scaled_"


def scaling_layer(convention):
    """Return the name of the layer that scales for a backbone; it tells the convention."""
    return _SCALED + convention


def is_run(weights):
    """Whether weights are named by a run: its folder, or the model in it."""
    path = Path(weights).expanduser()
    return path.is_dir() or path.suffix == ENDING


def run_folder(file):
    """Return the folder of the run that a model file belongs to."""
    return file.parents[1] if file.parent.name == "checkpoints" else file.parent


def model_file(weights):
    """Return the path of a run's model.

    Raises:
        FileNotFoundError: the run is unfinished, or it is no run.
    """
    path = Path(weights).expanduser().resolve()
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(
            "`weights` must be None, 'imagenet', the path of a file or the folder of a finished "
            f"run of a network. Received: {path}, which holds no {file.name}. Correct the path, "
            "or finish that run."
        )
    return file


class Trained:
    """A backbone that a run has trained.

    Args:
        card: `serkeras.models.backbones.Card` of the backbone.
        path: `pathlib.Path` of the run's model.
        branch: int, number of the backbone that is wanted where the run has twins.

    Attributes:
        is_run: true; see `serkeras.models.backbones.weights_files.File`.
    """

    is_run = True

    def __init__(self, card: Card, path: Path, branch=None):
        self.card, self.path, self.branch = card, path, branch

    @cached_property
    def _backbone(self):
        import keras

        try:
            model = keras.saving.load_model(self.path, compile=False)
        except Exception as error:  # zip, JSON, HDF5: each has its own
            raise ValueError(
                f"A run's model must be whole. Received: {self.path} ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}). Train again."
            ) from error
        found = inside(model)
        named = [one for one in found if bare_name(one.name) == model_name(self.card.name)]
        twin = [one for one in named if one.name == model_name(self.card.name, self.branch)]
        if len(named) != 1 and len(twin) != 1:
            raise ValueError(
                f"A run that gives weights to {self.card.name} must have trained one, or one of "
                f"this branch. Received: {self.path} with "
                f"{[one.name for one in found] or 'no backbone'}. Name another run."
            )
        return (twin or named)[0]

    @property
    def convention(self):
        """Scaling that the run's pictures had; the card's where they were not scaled."""
        names = [layer.name for layer in self._backbone.layers]
        told = [name.removeprefix(_SCALED) for name in names if name.startswith(_SCALED)]
        return told[0] if told else self.card.scaling

    def load(self, model):
        """Give a network without front the weights.

        Raises:
            ValueError: the run's backbone has other shapes: a head, or another picture size
                where positions count.
        """
        values = self._backbone.get_layer("network").get_weights()
        shapes = [tuple(weight.shape) for weight in model.weights]
        if [value.shape for value in values] != shapes:
            raise ValueError(
                f"A run's {self.card.name} must have the shapes of the new one. Received: "
                f"{self.path}, where they differ (size of the picture, or a head). Use the same "
                "size and head settings."
            )
        model.set_weights(values)
