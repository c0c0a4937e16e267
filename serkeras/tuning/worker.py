"""One process of a search on several: `python -m serkeras.tuning.worker FOLDER`.

Who it is stands in the environment, as keras-tuner has it: KERASTUNER_TUNER_ID ("chief", or a name
of its own for each worker), KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT of the chief.
"""

import sys
from pathlib import Path


def main(folder):
    """Take part in the search of a folder, which all processes share.

    Raises:
        ValueError: the data are not those that the search was begun with.
    """
    from serkeras.tuning import beginnings, development, search

    beginnings.take_terms_for_interrupts()
    plan, data = search.load_plan(folder)
    found = development.prepare(plan, progress=False)
    if found.digest != data:
        raise ValueError(
            "All processes of a search must see the data that it was begun with. Received: "
            f"other recordings, emotions or speakers for {list(plan.experiment.data)}. Point "
            "SERKERAS_DATA to the same corpora everywhere."
        )
    search.run(Path(folder), plan, found, progress=False)


if __name__ == "__main__":
    main(sys.argv[1])
