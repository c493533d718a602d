from __future__ import annotations

import dataclasses
import re

import pytest

from countenance.settings import DecodeLimits, Settings


@pytest.mark.parametrize("kind", [Settings, DecodeLimits])
def test_settings_are_values(kind: type) -> None:
    one, other = kind(), kind()
    assert one == other
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, None)


@pytest.mark.parametrize("kind", [Settings, DecodeLimits])
def test_every_setting_is_described(kind: type) -> None:
    described = re.findall(r"(?m)^        (\w+): ", kind.__doc__ or "")
    assert described == [field.name for field in dataclasses.fields(kind)]


def test_the_limits_of_the_design() -> None:
    assert DecodeLimits().max_pixels == 256_000_000
    assert Settings().allow_noncommercial is False
