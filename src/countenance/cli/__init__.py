"""The command line, one file per command."""

import os

# Work is spread over processes; a BLAS that starts threads of its own only makes them wait for each other on a
# busy machine. Must be set before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
