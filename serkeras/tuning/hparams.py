"""The trials of a search for TensorBoard's page of hyper-parameters."""

import json
import shutil

FOLDER = "tensorboard"


def write(search):
    """Write every trial that has ended; an earlier writing is replaced.

    Args:
        search: `serkeras.tuning.Search`.

    Returns:
        `pathlib.Path` for `tensorboard --logdir`.
    """
    from tensorboard.plugins.hparams import api

    folder = search.folder / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    metric = api.Metric(search.plan.objective)
    names = [api.HParam(name) for name in search.plan.space]
    _add(folder, api.hparams_config_pb(hparams=names, metrics=[metric]))
    for record in search.records:
        if record["state"] == "finished":
            own = folder / record["trial"]
            values = {name: _plain(value) for name, value in record["values"].items()}
            _add(own, api.hparams_pb(values, trial_id=record["trial"]))
            _add(own, _scalar(search.plan.objective, record[search.plan.objective]))
    return folder


def _plain(value):
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def _scalar(name, value):
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value)])


def _add(folder, summary):
    """Write one summary without TensorFlow, which need not be installed."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    writer = EventFileWriter(str(folder))
    writer.add_event(Event(summary=summary))
    writer.close()
