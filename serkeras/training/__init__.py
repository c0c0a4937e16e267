"""From a recipe, data, a split and a seed to a run folder."""


def __getattr__(name):
    if name == "train":
        from serkeras.training.pipeline import train

        return train
    raise AttributeError(f"module 'serkeras.training' has no attribute {name!r}")
