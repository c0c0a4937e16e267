"""Run all checks on the backend that the environment names."""

import sys

from tests.layer_checks import CHECKS
from tests.layer_checks.tools import run_checks

if __name__ == "__main__":
    sys.exit(run_checks(CHECKS))
