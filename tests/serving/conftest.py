"""A shop's bundle, with fields of every kind, and a server of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from filled_cache import CacheFilledHere
from page_server import OneModel, running
from shop_bundle import write_shop_bundle


@pytest.fixture(scope="session")
def shop_bundle(tmp_path_factory) -> Path:
    return write_shop_bundle(tmp_path_factory.mktemp("shop") / "bundle")


@pytest.fixture(scope="session")
def shop_cache(tmp_path_factory, shop_bundle) -> Path:
    """A server's cache with the shop's graph in it."""
    cache = tmp_path_factory.mktemp("cache")
    CacheFilledHere(cache).entry(shop_bundle)
    return cache


@pytest.fixture(scope="session")
def shop_models(shop_bundle) -> OneModel:
    return OneModel(shop_bundle)


@pytest.fixture(scope="session")
def shop(shop_models) -> Iterator[str]:
    """Address of a server of the model `shop`."""
    with running(shop_models) as address:
        yield address
