"""Run all checks on the backend that the environment names."""

import sys
import traceback

import keras

from tests.layer_checks import CHECKS


def main():
    failed = []
    for name, check in CHECKS.items():
        try:
            check()
        except Exception:  # the others shall run too
            failed.append(name)
            traceback.print_exc()
    print(f"{keras.backend.backend()}: {len(CHECKS) - len(failed)} passed, failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
