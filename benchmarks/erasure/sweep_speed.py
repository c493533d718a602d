"""How fast the sweep reads with the needles of 5,000 templates, on one core; what it finds is checked in the tests.

python -m benchmarks.erasure.sweep_speed
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS
from countenance.core.arrays import unit_rows
from countenance.core.rotation import rotation
from countenance.erase.needles import of_names, of_templates
from countenance.erase.sieve import Sieve
from countenance.measure.report import write_json

SEED, ROUNDS = 4, 5
N_TEMPLATES, DIM, PART_BYTES, N_PARTS = 5_000, 128, 1 << 20, 128
LEAST_GB_PER_S = 0.3


def main() -> int:
    """Run, print, write; 1 when the bar is missed."""
    chance = np.random.default_rng(SEED)
    templates = unit_rows(chance.normal(size=(N_TEMPLATES, DIM)))
    clock = time.perf_counter()
    needles = of_templates(templates, turn=rotation(bytes(32), DIM)) + of_names(["Ann Smith", "Zoë Åkesson"])
    sieve = Sieve(needles)
    built_s = time.perf_counter() - clock
    parts = [chance.bytes(PART_BYTES) for _ in range(N_PARTS)]
    rates = []
    for _ in range(ROUNDS):
        clock = time.thread_time()
        n_found = sum(len(sieve.found_in(part)) for part in parts)
        rates.append(N_PARTS * PART_BYTES / 1e9 / (time.thread_time() - clock))
    result = {
        "templates": N_TEMPLATES,
        "needles": len(needles),
        "pieces": sum(len(group.pieces) for group in needles.groups),
        "built_s": built_s,
        "gb_per_s": sorted(rates)[ROUNDS // 2],
        "gb_per_s_of_each_round": rates,
        "found_in_noise": n_found,
    }
    passed = sorted(rates)[ROUNDS // 2] >= LEAST_GB_PER_S and n_found == 0
    print(result)
    write_json(RESULTS / "sweep_speed.json", result | {"passed": passed}, seed=SEED, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
