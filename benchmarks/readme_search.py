"""README's rows on indexes, searching and believing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = Callable[[str, str, dict[str, str]], dict[str, str]]
Result = Callable[[str], dict[str, Any]]


def search_rows(row: Row, result: Result) -> list[dict[str, str]]:
    """The rows, from results by name; templates are drawn with the default model's statistics, so they stand once."""
    index, opening = result("index"), result("opening")
    sizes = {(size["n"], size["dim"]): size for size in index["sizes"]}
    million, long, ten = sizes[10**6, 128], sizes[10**6, 512], sizes[10**7, 128]
    compare, million_open = index["ingest_compare"], opening["sizes"]["1000000"]

    def fraction(size: dict[str, Any]) -> str:
        return f"1/{1 / size['ann_1_over_flat_1']:.0f}"

    def once(what: str, command: str, cell: str) -> dict[str, str]:
        return row(what, command, {"default": cell})

    seconds = [million_open[of]["cold"]["seconds"] for of in ("people", "faces")]
    saved = [million_open[of]["saved"]["seconds"] for of in ("people", "faces")]
    return [
        once(
            "exact comparison of one probe with a million templates, times the time it takes to read them from memory",
            "speed.index",
            f"{million['flat_1_over_floor']:.2f}",
        ),
        once(
            "approximate index, 1 M x 128 / 1 M x 512 / 10 M x 128: time over exact; mated hits kept",
            "speed.index",
            f"{fraction(million)} / {fraction(long)} / {fraction(ten)}; "
            f"{million['kept']:.3f} / {long['kept']:.3f} / {ten['kept']:.3f}",
        ),
        once(
            "approximate index, 10 M x 128: bytes of memory a template",
            "speed.index",
            f"{ten['resident_bytes_per_template']:.0f}",
        ),
        once("ingest: a new face against 1,000,000 references, ms", "speed.index", f"{compare['ms_a_face']:.1f}"),
        once(
            "a million sealed templates until the first answer, cold, and with a saved index: people / faces, s",
            "scale.opening",
            f"{seconds[0]:.0f} / {seconds[1]:.0f}, {saved[0]:.0f} / {saved[1]:.0f}",
        ),
        once(
            "somebody withdraws among a million: found by the next comparison; ms until it has ended",
            "scale.opening",
            f"{opening['removed']['found']} of {opening['removed']['removed']}; {opening['removed']['median_ms']:.0f}",
        ),
    ]
