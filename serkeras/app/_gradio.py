"""Gradio, as this page needs it: silent towards others, and of two major versions."""

import contextlib
import inspect
import os
import warnings

from serkeras.exporting import formats


def load():
    """Import Gradio without its telemetry.

    Raises:
        ImportError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    return formats.needed("gradio", "app")


@contextlib.contextmanager
def quiet():
    """Keep version 5 from warning of what version 6 renamed: `known` sees to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*Gradio 6\.0", DeprecationWarning)
        yield


def known(function, settings):
    """Return those settings that a function of the installed version takes.

    Version 6 moved some from `Blocks` to `launch` and renamed others.

    Args:
        function: of Gradio.
        settings: dictionary.
    """
    taken = inspect.signature(function).parameters
    return {name: value for name, value in settings.items() if name in taken}


def unlisted(event):
    """Return the setting that keeps an event out of the list of calls for programs.

    Args:
        event: method of a component that listens, such as `button.click`.
    """
    if "api_visibility" in inspect.signature(event).parameters:
        return {"api_visibility": "private"}
    return {"api_name": False}


def refuse_addresses(component):
    """Make a component take uploaded files only: Gradio would fetch an address for a caller.

    Args:
        component: of Gradio, which takes files.
    """
    move = component.async_move_resource_to_block_cache

    async def move_files_only(path):
        if path is not None and "://" in str(path):
            raise ValueError(
                "A recording must be a file that was uploaded. Received: an address. Download "
                "it and upload the file."
            )
        return await move(path)

    component.async_move_resource_to_block_cache = move_files_only
    return component
