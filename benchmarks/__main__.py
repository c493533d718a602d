"""``make bench``: every measurement that README prints, one after the other, then one line for each.

    python -m benchmarks [NAME...]

What needs photos in ``../shared`` says so and is skipped where they are not; the peers need PEERS_PYTHON (see
``benchmarks/speed/peers.py``).
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.places import SHARED

MEASUREMENTS = (
    "accuracy.verification",
    "accuracy.quality",
    "accuracy.album",
    "accuracy.calibration",
    "accuracy.normalisation",
    "accuracy.references",
    "accuracy.drawn",
    "accuracy.alignment",
    "accuracy.quantised",
    "accuracy.missed",
    "accuracy.redacted",
    "accuracy.leaks",
    "accuracy.strangers",
    "accuracy.spectrum",
    "accuracy.oracle",
    "mutation",
    "speed.pipeline",
    "speed.workers",
    "speed.memory",
    "speed.peers",
    "speed.clear",
    "speed.ledger",
    "speed.index",
    "faults.bad_files",
    "faults.kills",
    "faults.flips",
    "faults.log_edits",
    "faults.answer_kills",
    "erasure.million",
    "erasure.sweep_speed",
    "scale.opening",
    "scale.plan",  # last: it reads what the others wrote
)
NEED_NO_PHOTOS = {
    "accuracy.drawn",
    "accuracy.oracle",
    "faults.answer_kills",
    "erasure.million",
    "erasure.sweep_speed",
    "faults.kills",
    "faults.flips",
    "faults.log_edits",
    "mutation",
    "scale.opening",
    "scale.plan",
    "speed.index",
    "speed.ledger",
}


def main() -> int:
    """Run the named measurements, or all; 1 when one misses a bar."""
    wanted = sys.argv[1:] or list(MEASUREMENTS)
    unknown = [name for name in wanted if name not in MEASUREMENTS]
    if unknown:
        sys.stderr.write(f"There is no measurement {unknown[0]!r}; choose from: {', '.join(MEASUREMENTS)}\n")
        return 2
    outcomes = []
    for name in wanted:
        if name not in NEED_NO_PHOTOS and not SHARED.is_dir():
            outcomes.append(f"skipped  {name}: it needs the photos in ../shared, which users do not have")
            continue
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        started = time.monotonic()
        # A process of its own: measurements bind themselves to cores and must not warm each other up.
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode  # noqa: S603
        outcomes.append(f"{'ok      ' if code == 0 else 'MISSED  '} {name} ({time.monotonic() - started:.0f} s)")
    sys.stdout.write("\n".join(outcomes) + "\n")
    return int(any(line.startswith("MISSED") for line in outcomes))


if __name__ == "__main__":
    sys.exit(main())
