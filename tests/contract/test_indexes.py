"""One contract for every index, and a back door to what each really holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.core.arrays import Scores, Templates
from countenance.errors import StaleIndexError
from countenance.index import ann, choice, vault
from countenance.index.ann import Ann
from countenance.index.best import NONE
from countenance.index.choice import Index
from countenance.index.flat import Flat
from tests.crowd import crowd

DIM, N = 32, 3_000
SECRET, HEAD = b"s" * 32, {"epoch": [1, 1, "a"], "form": 1}


class Contract(ABC):
    """What every index keeps to."""

    exact = True
    tolerance = 1e-6

    @abstractmethod
    def empty(self, sample: Templates, folder: Path) -> Index:
        """A new index for templates like these."""

    @abstractmethod
    def kept(self, index: Index, row: int) -> Templates:
        """What the index holds for a row, past its door."""

    @pytest.fixture
    def templates(self) -> Templates:
        return crowd(N, DIM, 1, each=2)

    @pytest.fixture
    def index(self, templates: Templates, tmp_path: Path) -> Index:
        made = self.empty(templates[:, 0], tmp_path)
        rows = made.add(templates[:, 0])
        assert rows.tolist() == list(range(N))
        return made

    def test_every_template_finds_its_own_person(self, index: Index, templates: Templates) -> None:
        found = index.search(templates[:, 1], 3)
        assert (found.rows[:, 0] == np.arange(N)).mean() >= (1.0 if self.exact else 0.995)
        assert found.rows.shape == found.scores.shape == (N, 3)
        assert (np.diff(found.scores, axis=1) <= 0).all()

    def test_scores_are_those_of_exact_comparison(self, index: Index, templates: Templates) -> None:
        probes = templates[:40, 1]
        found, slow = index.search(probes, 5), probes @ templates[:, 0].T
        for probe in range(len(probes)):
            own = slow[probe, found.rows[probe]]
            assert np.abs(found.scores[probe] - own).max() < self.tolerance
        if self.exact:
            assert np.abs(np.sort(slow, axis=1)[:, :-6:-1] - found.scores).max() < self.tolerance

    @pytest.mark.parametrize("n", [1, 2, 4, 5, 70])
    def test_probes_do_not_feel_each_other(self, index: Index, templates: Templates, n: int) -> None:
        together, alone = index.search(templates[:n, 1], 4), [index.search(row[None], 4) for row in templates[:n, 1]]
        assert np.array_equal(together.rows, np.concatenate([each.rows for each in alone]))
        assert np.abs(together.scores - np.concatenate([each.scores for each in alone])).max() < 1e-5

    def test_nothing_below_the_threshold_is_a_candidate(self, index: Index, templates: Templates) -> None:
        probes = templates[:20, 1]
        (edge,) = {float(index.search(probes[:1], 2).scores[0, 1])}
        found = index.search(probes, 10, at_least=edge)
        assert (found.scores[found.rows != NONE] >= edge).all()
        assert (found.rows[found.scores == -np.inf] == NONE).all()
        assert (found.rows[0] != NONE).sum() == 2
        assert (index.search(probes, 10, at_least=1.01).rows == NONE).all()

    def test_whoever_is_removed_is_not_found_by_the_next_search(self, index: Index, templates: Templates) -> None:
        for row in (0, 7, N - 1):
            assert index.search(templates[row : row + 1, 1], 1).rows[0, 0] == row
            index.remove(np.array([row]))
            assert row not in index.search(templates[row : row + 1, 1], 50).rows
        index.remove(np.array([7]))
        assert (len(index), index.n_dead, index.n_rows) == (N - 3, 3, N)

    def test_numbers_of_whoever_is_removed_are_overwritten(self, index: Index, templates: Templates) -> None:
        before = self.kept(index, 5).copy()
        assert np.abs(before - templates[5, 0]).max() < 1e-3
        index.remove(np.array([5]))
        with np.errstate(invalid="ignore"):  # what is left is chance, which may be no number
            gone = self.kept(index, 5)
        assert not np.isclose(gone, before, atol=1e-4).any()

    def test_more_can_be_added(self, index: Index, templates: Templates) -> None:
        late = crowd(30, DIM, 9, each=2)
        rows = index.add(late[:, 0])
        assert rows.tolist() == list(range(N, N + 30))
        assert np.array_equal(index.search(late[:, 1], 1).rows[:, 0], rows)
        index.remove(rows[:1])
        assert index.search(late[:1, 1], 1).rows[0, 0] != rows[0]
        assert index.search(templates[3:4, 1], 1).rows[0, 0] == 3

    @pytest.mark.parametrize("share", [0.001, 0.1, 0.9, 1.0])
    def test_only_rows_of_a_filter_are_found(self, index: Index, templates: Templates, share: float) -> None:
        chance = np.random.default_rng(4)
        among = chance.random(N) < share
        among[11], among[12] = True, False
        found = index.search(templates[10:40, 1], 20, among=among)
        assert among[found.rows[found.rows != NONE]].all()
        assert found.rows[1, 0] == 11
        assert 12 not in found.rows
        index.remove(np.array([11]))
        assert 11 not in index.search(templates[10:40, 1], 20, among=among).rows

    def test_an_empty_filter_finds_nobody(self, index: Index, templates: Templates) -> None:
        assert (index.search(templates[:3, 1], 5, among=np.zeros(N, dtype=bool)).rows == NONE).all()

    def test_chosen_rows_are_scored_alone(self, index: Index, templates: Templates) -> None:
        rows = np.array([4, 1, 4])
        scores: Scores = index.scores_of(templates[4, 1], rows)
        assert np.abs(scores - templates[rows, 0] @ templates[4, 1]).max() < 1e-3

    def test_no_probe_finds_nothing(self, index: Index) -> None:
        assert index.search(np.empty((0, DIM), dtype=np.float32), 4).rows.shape == (0, 4)

    def test_a_saved_one_is_the_same(self, index: Index, templates: Templates, tmp_path: Path) -> None:
        index.remove(np.array([2]))
        path = tmp_path / "index" / "a.idx"
        choice.save(path, SECRET, HEAD, index, {"owners": np.array([b"x" * 24, b"y" * 24])}).replace(path)
        again, more = choice.open_saved(path, SECRET, HEAD, tmp_path)
        assert more["owners"].tolist() == [b"x" * 24, b"y" * 24]
        assert (type(again), len(again), again.n_dead) == (type(index), len(index), 1)
        one, two = index.search(templates[:50, 1], 5), again.search(templates[:50, 1], 5)
        assert np.array_equal(one.rows, two.rows)
        assert np.array_equal(one.scores, two.scores)
        assert again.add(templates[:1, 1]).tolist() == [N]

    def test_a_saved_one_holds_no_template_in_the_open(
        self, index: Index, templates: Templates, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.idx"
        choice.save(path, SECRET, HEAD, index, {}).replace(path)
        content = path.read_bytes()
        for row in (0, N // 2, N - 1):
            for kind in ("<f4", "<f2"):
                assert templates[row, 0].astype(kind).tobytes()[:16] not in content
        assert (path.stat().st_mode & 0o777) == 0o600
        assert [each.name for each in tmp_path.iterdir() if each.name.startswith("a.idx")] == ["a.idx"]

    @pytest.mark.parametrize(
        ("secret", "head"), [(b"t" * 32, HEAD), (SECRET, {**HEAD, "epoch": [2, 1, "a"]}), (SECRET, {"form": 1})]
    )
    def test_another_epoch_or_key_is_never_served(
        self, index: Index, tmp_path: Path, secret: bytes, head: dict[str, object]
    ) -> None:
        choice.save(tmp_path / "a.idx", SECRET, HEAD, index, {}).replace(tmp_path / "a.idx")
        with pytest.raises(StaleIndexError):
            choice.open_saved(tmp_path / "a.idx", secret, head)

    def test_a_damaged_one_is_never_served(self, index: Index, tmp_path: Path) -> None:
        path = tmp_path / "a.idx"
        choice.save(path, SECRET, HEAD, index, {}).replace(path)
        whole = path.read_bytes()
        for place in (0, 9, 20, 60, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(StaleIndexError):
                choice.open_saved(path, SECRET, HEAD)
        for length in (0, 5, 30, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(StaleIndexError):
                choice.open_saved(path, SECRET, HEAD)
        path.unlink()
        with pytest.raises(StaleIndexError):
            choice.open_saved(path, SECRET, HEAD)


class TestFlat(Contract):
    def empty(self, sample: Templates, folder: Path) -> Index:
        del folder
        return Flat(sample.shape[1])

    def kept(self, index: Index, row: int) -> Templates:
        assert isinstance(index, Flat)
        return np.asarray(index._matrix[row])

    def test_equal_scores_come_in_order_of_rows(self) -> None:
        same = np.repeat(crowd(1, DIM, 3)[:, 0], 9, axis=0)
        index = Flat(DIM, same)
        assert index.search(same[:1], 4).rows[0].tolist() == [0, 1, 2, 3]


class InMemory(Contract):
    exact = False
    tolerance = 1e-3

    def empty(self, sample: Templates, folder: Path) -> Index:
        del folder
        return Ann.learn(sample.shape[1], sample, expected=len(sample))

    def kept(self, index: Index, row: int) -> Templates:
        assert isinstance(index, Ann)
        with np.errstate(invalid="ignore"):
            return np.asarray(index._vault.take(np.array([row]))[0], dtype=np.float32)

    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # So that a shortlist is shorter than these few templates.
        monkeypatch.setattr(ann, "_SHORTLISTS", ((10_000, 200),))


class TestAnnInMemory(InMemory):
    """The approximate index with its templates in memory."""


class TestAnnInAFile(InMemory):
    """The same with its templates in an encrypted file."""

    @pytest.fixture(autouse=True)
    def _file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ann, "MEMORY_BYTES", 0)

    def empty(self, sample: Templates, folder: Path) -> Index:
        made = Ann.learn(sample.shape[1], sample, expected=len(sample), folder=folder)
        assert isinstance(made._vault, vault.FileVault)
        return made

    def test_the_file_has_no_name_and_holds_nothing_in_the_open(
        self, index: Index, templates: Templates, tmp_path: Path
    ) -> None:
        assert isinstance(index, Ann)
        assert isinstance(index._vault, vault.FileVault)
        assert list(tmp_path.iterdir()) == []
        index._vault._file.seek(0)
        content = index._vault._file.read()
        assert len(content) == N * DIM * 2
        assert templates[0, 0].astype("<f2").tobytes()[:16] not in content
        assert len({content[at : at + 16] for at in range(0, len(content), 16)}) == len(content) // 16


def test_the_size_of_a_collection_chooses_its_index(tmp_path: Path) -> None:
    sample = crowd(2_000, DIM, 5)[:, 0]

    assert choice.new_index(DIM, sample[:999], expected=10**6).kind == "flat", "codes cannot be learned from so few"

    def kind(n: int, dim: int = DIM) -> str:
        made: NDArray[np.float32] = np.zeros((2_000, dim), dtype=np.float32) if dim != DIM else sample
        return choice.new_index(dim, made, expected=n, folder=tmp_path).kind

    assert [kind(10), kind(choice.EXACT_ROWS - 1), kind(choice.EXACT_ROWS)] == ["flat", "flat", "ann"]
    assert kind(10**7, 8) == "flat"


def test_longer_shortlists_for_more_templates() -> None:
    lengths = [ann.setting_for(n, 128).shortlist for n in (10**5, 10**6, 10**7, 10**8)]
    assert lengths == sorted(set(lengths))
    assert ann.setting_for(10**6, 512).shortlist < ann.setting_for(10**6, 128).shortlist
    assert ann.setting_for(10**6, 72).directions % ann.setting_for(10**6, 72).pieces == 0
