"""The command line, one file per command."""

import os

# Work is spread over processes; a BLAS that starts threads of its own only makes them wait for each other (a re-ingest
# took 1.2 s instead of 0.03 s on a busy machine). Must be set before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
