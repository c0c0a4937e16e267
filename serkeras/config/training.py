"""How the network of an experiment is fitted."""

from dataclasses import dataclass, field

from serkeras.config.base import Config, require

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
LOSSES = ("cross_entropy", "focal", "hinge")
WEIGHTINGS = ("none", "balanced")
TARGETS = ("labels", "votes")
MONITORS = ("val_loss", "val_accuracy")
FIT_SIDES = ("train", "train+validation")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How the network is fitted. A classical model follows `class_weights` and `member` alone.

    Attributes:
        optimizer: "adam", "adamw", "rmsprop" or "sgd".
        learning_rate: of the optimiser; what `schedule` starts from.
        weight_decay: with "adamw" the share of a weight (times the learning rate) that every
            step takes away; with the others an L2 penalty in the gradient, as in PyTorch.
        decay_only: parts of the names of the weights that decay, for instance ["block"]; none
            means all.
        schedule: rule of the learning rate, `{"name": "plateau", "factor": 0.5, "patience":
            5}`; see `serkeras.training.schedules`. Empty is constant.
        loss: "cross_entropy", "focal" or "hinge", see `serkeras.training.losses`.
        targets: "labels", or "votes" for the shares of the listeners who named each emotion, see
            `serkeras.datasets.votes`; what validates and tests is the label in either case.
        label_smoothing: share of the truth that is spread over all classes.
        focal_gamma: of the focal loss.
        mixup: mix each training clip, and its label, with another one of its batch by a share
            drawn from Beta(mixup, mixup) (Zhang et al. 2018); 0 mixes nothing. What the network is
            given is mixed: features, or waveforms where it computes its own.
        class_weights: "none", or "balanced" for clips that count by the rarity of their class.
        layer_rates: learning rates of the parts of a pretrained network against that of its head,
            `{"backbone": 0.1, "decay": 0.5, "thaw_every": 2}`; see
            `serkeras.training.layer_rates`. Empty is one rate for all.
        cache_frozen: compute once, and keep, what the frozen part of a network gives, where
            nothing random stands in front of it.
        precision: of the network's arithmetic: "float32", "mixed_bfloat16" or "mixed_float16".
            Weights, features, loss and probabilities stay float32.
        jit_compile: compile the steps with XLA; None leaves it to Keras, which does so on GPUs.
        steps_per_execution: steps that are taken at a time, on TensorFlow and JAX.
        member: number of the run among those that an ensemble has of one split and seed; it
            decides weights and order, and nothing else.
        batch_size: clips a batch, of all devices together.
        devices: devices of the machine among which each batch is shared out, a number or "all" that
            there are, on JAX and TensorFlow; see `serkeras.training.devices`.
        accumulate: batches whose gradients are averaged into one update of the weights, so that
            little memory does for large batches. An epoch ends with an update, of the batches that
            are left. Each batch counts alike, a smaller last one too; what follows the batches
            (batch normalisation) sees them one by one. A rule that changes the rate from batch to
            batch gives an update the rate of its last batch.
        epochs: upper bound of the first fit.
        monitor: what makes an epoch the best one: "val_loss" (as the source report did) or
            "val_accuracy", which on small corpora keeps rising long after the loss has turned.
        patience: epochs without a better one before it stops.
        retrain: fit a fresh network for the best number of epochs (as the source report
            did); otherwise the weights of the best epoch are kept.
        fit_sides: "train", or "train+validation": the model that is kept has learned from the
            validation clips too. With `retrain` the best epoch is found as usual, and the fresh
            network is fitted on both sides; without it nothing is searched: one fit of exactly
            `epochs`. Nothing is left that a temperature, a threshold or a weight in an ensemble
            could be fitted with.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    decay_only: tuple[str, ...] = ()
    schedule: dict = field(default_factory=dict)
    loss: str = "cross_entropy"
    targets: str = "labels"
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    mixup: float = 0.0
    class_weights: str = "none"
    layer_rates: dict = field(default_factory=dict)
    cache_frozen: bool = True
    precision: str = "float32"
    jit_compile: bool | None = None
    steps_per_execution: int = 1
    member: int = 0
    batch_size: int = 32
    devices: int | str = 1
    accumulate: int = 1
    epochs: int = 100
    monitor: str = "val_loss"
    patience: int = 20
    retrain: bool = True
    fit_sides: str = "train"

    def __post_init__(self):
        require(
            self,
            {
                "optimizer": (self.optimizer in OPTIMIZERS, f"one of {OPTIMIZERS}"),
                "learning_rate": (self.learning_rate > 0, "above 0"),
                "weight_decay": (self.weight_decay >= 0, "0 or more"),
                "decay_only": (
                    self.weight_decay > 0 or not self.decay_only,
                    "empty where weight_decay is 0",
                ),
                "label_smoothing": (
                    0 <= self.label_smoothing < 1
                    and not (self.loss == "hinge" and self.label_smoothing),
                    "in [0, 1), and 0 for hinge",
                ),
                "focal_gamma": (self.focal_gamma >= 0, "0 or more"),
                "mixup": (
                    self.mixup >= 0 and not (self.loss == "hinge" and self.mixup),
                    "0 or more, and 0 for hinge",
                ),
                "loss": (self.loss in LOSSES, f"one of {LOSSES}"),
                "targets": (
                    self.targets in TARGETS
                    and not (self.targets == "votes" and self.loss == "hinge"),
                    f"one of {TARGETS}, and 'labels' for hinge",
                ),
                "class_weights": (self.class_weights in WEIGHTINGS, f"one of {WEIGHTINGS}"),
                "precision": (self.precision in PRECISIONS, f"one of {PRECISIONS}"),
                "steps_per_execution": (self.steps_per_execution >= 1, "1 or more"),
                "member": (self.member >= 0, "0 or more"),
                "batch_size": (self.batch_size >= 1, "1 or more"),
                "devices": (
                    self.devices == "all" or (isinstance(self.devices, int) and self.devices >= 1),
                    "'all', or 1 or more",
                ),
                "accumulate": (self.accumulate >= 1, "1 or more"),
                "epochs": (self.epochs >= 1, "1 or more"),
                "monitor": (self.monitor in MONITORS, f"one of {MONITORS}"),
                "patience": (self.patience >= 1, "1 or more"),
                "fit_sides": (
                    self.fit_sides == "train"
                    or (self.fit_sides in FIT_SIDES and self.schedule.get("name") != "plateau"),
                    f"one of {FIT_SIDES}, and 'train' for the schedule 'plateau', which follows "
                    "the loss of the validation side",
                ),
            },
        )

    @property
    def learns_validation(self):
        """Whether the model that is kept has learned from the validation clips."""
        return self.fit_sides == "train+validation"
