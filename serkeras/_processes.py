"""What several processes of one machine share."""


def shares(threads):
    """Return environment variables that divide cores and GPU memory among processes.

    They are defaults: what a user has set counts.

    Args:
        threads: int, of each process.
    """
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # or the first process takes the whole memory
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
