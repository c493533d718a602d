from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from countenance.demo.draw import Portrait
from countenance.settings import Settings
from countenance.vision.cache import networks
from countenance.vision.detect import Detector, open_detector
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session
from countenance.vision.yunet import YuNet
from tests.unit.vision.scenes import check_contract, check_faces, find, row_of, scaled


@pytest.fixture(scope="module")
def detector(recommended_pack: Pack, vision_settings: Settings) -> Detector:
    return open_detector(recommended_pack, vision_settings)


def test_drawn_people_are_found_with_their_landmarks(detector: Detector, portraits: list[Portrait]) -> None:
    photo, boxes, landmarks = row_of(portraits[:4])
    check_faces(find(detector, photo)[0], boxes, landmarks)


def test_it_keeps_what_a_detector_promises(detector: Detector, portraits: list[Portrait]) -> None:
    check_contract(detector, portraits)


def test_a_network_of_fixed_size_finds_the_same_faces(shared: Path, portraits: list[Portrait]) -> None:
    fixed = YuNet(Session(shared / "weights/yunet/yunet_n_640_640.onnx"), 0.6)
    photo, boxes, landmarks = row_of(portraits[:2])
    check_faces(find(fixed, photo)[0], boxes, landmarks)
    wide, boxes, landmarks = row_of(portraits[:4])  # wider than the network: scaled down
    check_faces(find(fixed, wide)[0], boxes, landmarks)


def test_a_longer_side_shows_smaller_faces(
    recommended_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    network = Session(networks(recommended_pack, vision_settings, "detector")["detector"])
    photo, boxes, _ = row_of(portraits)  # 2,560 px wide
    small = scaled(photo, 20 / float(np.median(boxes[:, 3])))
    wide = np.zeros((small.shape[0], 2_560, 3), dtype=np.uint8)
    wide[:, : small.shape[1]] = small
    usual, longer = YuNet(network, 0.6), YuNet(network, 0.6, 2_560)
    assert len(longer.find([Pyramid(wide)], [14.0])[0][0]) >= 7
    assert len(usual.find([Pyramid(wide)], [14.0])[0][0]) < 7
