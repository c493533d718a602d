"""Are collections strangers (P8)? Scores across collections with real templates, and what known pairs undo.

Run it with ``python -m benchmarks.accuracy.strangers [--shared DIR] [--cache DIR]``.

Every face of london, caltech, congress and the album is turned by the rotations of 16 collections of a real key store,
whose keys are drawn anew in every run, and compared across every two of them. Known pairs are photos of which somebody
holds the plain template and what a collection made of it; both orthogonal Procrustes and least squares are tried.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.album import walk
from benchmarks.accuracy.linkage import Table, d_sys, guesses, least_trace, plot_histograms
from benchmarks.accuracy.recogniser import PACKS, SEED, Bar, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure import rates
from countenance.measure.trials import people_of, photos_of, read_trials
from countenance.store.keyfile import Master, PassphraseCost
from countenance.store.keys import KeyStore

N_COLLECTIONS = 16
SAMPLED = 20_000
"""Non-mated scores of each two collections that go into the rates over all of them."""
KNOWN = (16, 32, 64, 127, 128, 255, 511)
DRAWS = 10
LEAN, SHARE = 0.02, 1e-5
CANDIDATES, TRIED = 32, 60
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Faces and who they are.

    Attributes:
        templates: (n, d) of unit length.
        people: (n,) number of the person.
        match: score from which the pack says that two are one.
        pack: its id.
    """

    templates: Templates
    people: NDArray[np.intp]
    match: float
    pack: str

    @property
    def mated(self) -> NDArray[np.bool_]:
        """(n, n) whether two different photos show one person."""
        return self.same & ~np.eye(len(self.people), dtype=bool)

    @property
    def same(self) -> NDArray[np.bool_]:
        """(n, n) whether two faces are one person's, every face and itself among them."""
        return np.asarray(self.people[:, None] == self.people[None, :])

    @property
    def twice(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of the first and the last face of everybody who has two."""
        rows = [np.flatnonzero(self.people == person) for person in np.unique(self.people)]
        found = np.array([(row[0], row[-1]) for row in rows if len(row) > 1])
        return found[:, 0], found[:, 1]


def crowd_of(name: str, where: Place) -> Crowd:
    """Templates of every face of the test photos; in portraits of the largest one."""
    recogniser, photos = Recogniser(name, where), where.shared / "photos"
    trials = read_trials(photos / "pairs.csv")
    numbers = people_of(trials)
    found = [(numbers[photo], recogniser.largest(read_photo(photos / photo))) for photo in photos_of(trials)]
    album = walk(recogniser, photos / "album", 1.0)
    of_london = {photo[len("london/") :][:3]: number for photo, number in numbers.items() if photo[:7] == "london/"}
    found += [(of_london[who], row) for who, row in zip(album.people, album.templates, strict=True)]
    kept = [(number, row) for number, row in found if row is not None]
    return Crowd(
        np.array([row for _, row in kept]),
        np.array([number for number, _ in kept], dtype=np.intp),
        recogniser.pack.match,
        recogniser.pack.id,
    )


def turns(dim: int) -> list[NDArray[np.float32]]:
    """Rotations of new collections of a new key store."""
    cheap = Master.from_passphrase("for this run", PassphraseCost(iterations=1, memory_kib=64, lanes=1))
    with tempfile.TemporaryDirectory() as folder, KeyStore.create(Path(folder) / "keys", cheap) as keys:
        names = [f"collection {number}" for number in range(N_COLLECTIONS)]
        for each in names:
            keys.new_collection_key(each)
        return [keys.rotation_of(each, dim) for each in names]


def across(crowd: Crowd, chance: np.random.Generator) -> tuple[dict[str, object], Scores, Scores]:
    """Scores of the same people in every two collections; and mated and (sampled) non-mated scores of all of them."""
    turned = [crowd.templates @ turn.T for turn in turns(crowd.templates.shape[1])]
    mated_at, other_at, first, last = crowd.mated, ~crowd.same, *crowd.twice
    one = np.eye(len(first), dtype=bool)
    mated, others, by_pair, by_person, copies, links, noise = ([] for _ in range(7))
    above, n_scores, highest = 0, 0, -1.0
    for here, there in itertools.combinations(turned, 2):
        scores = (here @ there.T).astype(np.float64)
        mated.append(scores[mated_at])
        others.append(chance.choice(scores[other_at], SAMPLED, replace=False))
        by_pair.append(rates.auc(mated[-1], scores[other_at]))
        copies.append(rates.auc(np.diagonal(scores), scores[other_at]))
        once = scores[np.ix_(first, last)]
        by_person.append(rates.auc(once[one], once[~one]))
        links.append(d_sys(mated[-1], others[-1]))
        noise.append(d_sys(chance.choice(scores[other_at], len(mated[-1]), replace=False), others[-1]))
        above += int(np.count_nonzero(scores >= crowd.match))
        n_scores += scores.size
        highest = max(highest, float(scores.max()))
    whole, rest = np.concatenate(mated), np.concatenate(others)
    found: dict[str, object] = {
        "collections": N_COLLECTIONS,
        "pairs": len(by_pair),
        "comparisons": n_scores,
        "comparisons_in_rates": len(whole) + len(rest),
        "auc": rates.auc(whole, rest),
        "auc_of_pairs": spread(by_pair),
        "auc_of_pairs_one_mated_score_a_person": spread(by_person),
        "sd_of_as_many_independent_scores": float(1 / np.sqrt(12 * len(first))),
        "auc_of_pairs_same_photo": spread(copies),
        "d_sys": d_sys(whole, rest),
        "d_sys_of_pairs": spread(links, 0.0),
        "d_sys_of_pairs_by_chance": spread(noise, 0.0),
        "above_match": above,
        "share_above_match": above / n_scores,
        "highest": highest,
    }
    return found, whole, rest


def spread(values: list[float], best: float = 0.5) -> dict[str, float]:
    """Mean, deviation, and the value furthest from the best one."""
    array = np.array(values)
    worst = array[np.argmax(np.abs(array - best))]
    return {"mean": float(array.mean()), "sd": float(array.std()), "worst": float(worst)}


def inside(crowd: Crowd) -> tuple[dict[str, object], Scores, Scores]:
    """The control: the same comparisons inside one collection, whose turn they must not notice."""
    (turn, *_) = turns(crowd.templates.shape[1])
    turned = crowd.templates @ turn.T
    scores, plain = ((rows @ rows.T).astype(np.float64) for rows in (turned, crowd.templates))
    mated, others = scores[crowd.mated], scores[~crowd.same]
    found: dict[str, object] = {
        "auc": rates.auc(mated, others),
        "d_sys": d_sys(mated, others),
        "largest_change_of_a_score": np.abs(scores - plain).max(),
        "mean_non_mated": others.mean(),
    }
    return found, mated, others


def known_pairs(crowd: Crowd, chance: np.random.Generator) -> list[dict[str, float]]:
    """What k known pairs undo for people who are not among them: means over draws of who is known."""
    rows = []
    for known in KNOWN:
        found = [undone(crowd, known, chance) for _ in range(DRAWS)]
        rows.append(
            {"known_pairs": known, **{name: float(np.mean([each[name] for each in found])) for name in found[0]}}
        )
    return rows


def undone(crowd: Crowd, known: int, chance: np.random.Generator) -> dict[str, float]:
    """One draw."""
    order = np.concatenate([np.flatnonzero(crowd.people == who) for who in chance.permutation(np.unique(crowd.people))])
    pairs = order[:known]
    strangers = ~np.isin(crowd.people, crowd.people[pairs])
    here, there, *_ = turns(crowd.templates.shape[1])
    first, last = (rows[strangers[rows]] for rows in crowd.twice)
    best = {"cosine": -1.0, "rank_1_link": 0.0}
    for method in ("procrustes", "least squares"):
        guessed_here, guessed_there = (
            guesses(crowd.templates[pairs], crowd.templates[pairs] @ turn.T, crowd.templates @ turn.T, method)
            for turn in (here, there)
        )
        cosines = np.sum(guessed_here[strangers] * crowd.templates[strangers], axis=1)
        linked = np.argmax(guessed_here[first] @ guessed_there[last].T, axis=1) == np.arange(len(first))
        best["cosine"] = max(best["cosine"], float(cosines.mean()))
        best["rank_1_link"] = max(best["rank_1_link"], float(linked.mean()))
    plain = crowd.templates[first] @ crowd.templates[last].T
    others = ~np.eye(len(first), dtype=bool)
    return {
        **best,
        "cosine_of_different_people": float(plain[others].mean()),
        "rank_1_plain": float(np.mean(np.argmax(plain, axis=1) == np.arange(len(first)))),
        "rank_1_by_chance": 1 / len(first),
        "people": float(len(first)),
    }


def choosing(crowd: Crowd, chance: np.random.Generator) -> dict[str, dict[str, float]]:
    """Would it help to draw several turns and to keep the one that leans least against a collection that is there?

    The AUC of one mated score a person, over people whose covariance the choice has not seen.
    """
    people = chance.permutation(np.unique(crowd.people))
    seen = np.isin(crowd.people, people[: len(people) // 2])
    means = np.array(
        [crowd.templates[seen & (crowd.people == who)].mean(axis=0) for who in np.unique(crowd.people[seen])]
    )
    first, last = (rows[~seen[rows]] for rows in crowd.twice)
    one, found = np.eye(len(first), dtype=bool), dict[str, list[float]]()
    for _ in range(TRIED):
        for name, turn in least_trace(chance, CANDIDATES, np.cov(means.T)).items():
            scores = crowd.templates[first] @ turn @ crowd.templates[last].T
            found.setdefault(name, []).append(rates.auc(scores[one], scores[~one]))
    return {name: spread(values) for name, values in found.items()}


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with place(__doc__ or "") as where:
        results: dict[str, object] = {}
        bars: list[Bar] = []
        for name in PACKS:
            crowd, chance = crowd_of(name, where), np.random.default_rng(SEED)
            outside, mated, others = across(crowd, chance)
            control, *within = inside(crowd)
            table_of_pairs, choice = known_pairs(crowd, chance), choosing(crowd, chance)
            counts = Counter(crowd.people.tolist())
            results[name] = {
                "pack": crowd.pack,
                "dim": crowd.templates.shape[1],
                "match": crowd.match,
                "faces": len(crowd.people),
                "people": len(counts),
                "across": outside,
                "inside": control,
                "known_pairs": table_of_pairs,
                "choosing": choice,
            }
            report(name, outside, control, table_of_pairs, choice)
            lean, share = abs(float(str(outside["auc"])) - 0.5), float(str(outside["share_above_match"]))
            bars += [Bar(f"{name}: AUC across from 0.5", lean, LEAN), Bar(f"{name}: share at match", share, SHARE)]
            histograms: Table = {"across": (mated, others), "inside": (within[0], within[1])}
            try:
                plot_histograms(histograms, where.results / f"strangers-{name}", title=f"{crowd.pack}: mated scores")
            except UsageError as error:  # the plot is a picture of numbers that are written anyway
                print(f"{error.message} {error.advice}")
        return finish(where, "strangers", results, bars)


def report(
    name: str,
    outside: dict[str, object],
    control: dict[str, object],
    pairs: list[dict[str, float]],
    choice: dict[str, dict[str, float]],
) -> None:
    """Print one pack."""
    print(
        f"\n{name}: across collections\n"
        f"{table(['what', 'value'], [[what, f'{value}'] for what, value in outside.items()])}"
    )
    print(f"inside one\n{table(['what', 'value'], [[what, f'{value}'] for what, value in control.items()])}")
    print(table(list(pairs[0]), [list(row.values()) for row in pairs]))
    print(
        table(["choice of the turn", "mean AUC", "sd", "worst"], [[how, *row.values()] for how, row in choice.items()])
    )


if __name__ == "__main__":
    sys.exit(main())
