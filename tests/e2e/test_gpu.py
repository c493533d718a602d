"""The CUDA provider gives the same rows as the CPU; runs where there is a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.detect import detect, open_detector
from countenance.vision.embed import open_embedder
from countenance.vision.packs import load_pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import providers


def rows(device: str, cache: Path) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    settings = Settings(cache_dir=cache, device=device)
    pack = load_pack("default", settings)
    photo = Pyramid(draw_scene([person(seed) for seed in CAST[:4]], 3, 1200, 800).pixels)
    faces = detect(open_detector(pack, settings), [photo], [32.0])[0]
    return faces.boxes, open_embedder(pack, settings).embed(align(photo, faces.landmarks, pack.embedder))


@pytest.mark.gpu
def test_cuda_finds_the_same_faces_and_templates(tmp_path: Path) -> None:
    boxes, templates = rows("cpu", tmp_path)
    cuda_boxes, cuda_templates = rows("cuda", tmp_path)
    assert len(boxes) == 4
    assert np.abs(boxes - cuda_boxes).max() < 1.0
    assert (templates * cuda_templates).sum(axis=1).min() > 0.999


def test_asking_for_cuda_without_one_is_a_clear_refusal() -> None:
    if "CUDAExecutionProvider" in providers("auto"):
        assert providers("cuda")[0] == "CUDAExecutionProvider"
        return
    with pytest.raises(PackError, match="no CUDA provider"):
        providers("cuda")
    assert providers("auto") == ["CPUExecutionProvider"]
