from __future__ import annotations

import os
import shutil
import sys
import threading
import time

import pytest
from filled_cache import CacheFilledHere, another_version

from clickprompt.serving.graph_cache import GRAPH, GraphCache
from clickprompt.settings import ClickPromptError


@pytest.fixture
def cache(tmp_path, shop_bundle, shop_cache):
    """A cache of this test alone that holds the shop's graph."""
    shutil.copytree(GraphCache(shop_cache).place(shop_bundle), GraphCache(tmp_path / "cache").place(shop_bundle))
    return GraphCache(tmp_path / "cache")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a shell script in the place of Python, so of the export command; `$5` is the bundle, `$9` the graph."""

    def use(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return use


def test_an_entry_is_found_again_and_a_damaged_one_made_again(cache, shop_bundle, command):
    command('echo export "$@" >&2; echo again > "$8"')
    entry = cache.entry(shop_bundle)
    assert (entry / GRAPH).read_bytes() != b"again\n"
    (entry / "vocabulary.arrow").write_bytes(b"")
    assert cache.entry(shop_bundle) == entry
    assert (entry / GRAPH).read_bytes() == b"again\n"
    assert (entry / "vocabulary.arrow").read_bytes() == (shop_bundle / "vocabulary.arrow").read_bytes()


def test_what_the_export_says_is_passed_on_and_nothing_stays(cache, shop_bundle, shop_cache, tmp_path, command):
    bundle = another_version(shop_bundle, tmp_path / "bundle", shop_cache, 1)
    command("echo progress >&2; echo 'error: bundle: no luck; try another' >&2; exit 2")
    with pytest.raises(ClickPromptError, match="bundle: cannot be exported: bundle: no luck; try another"):
        cache.entry(bundle)
    command("kill -9 $$")
    with pytest.raises(ClickPromptError, match="cannot be exported: the command ended with status -9"):
        cache.entry(bundle)
    assert [file.name for file in cache.folder.iterdir() if file.is_dir()] == [cache.place(shop_bundle).name]


def test_an_export_is_given_up_when_the_server_stops(cache, shop_bundle, shop_cache, tmp_path, command):
    bundle = another_version(shop_bundle, tmp_path / "bundle", shop_cache, 2)
    command(f"touch {tmp_path}/begun; exec sleep 60")
    said = []

    def enter():
        with pytest.raises(ClickPromptError) as caught:
            cache.entry(bundle)
        said.append(str(caught.value))

    thread = threading.Thread(target=enter)
    thread.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    cache.stop()
    thread.join(10)
    assert "cannot be exported" in said[0]


def test_two_servers_export_once(tmp_path, shop_bundle):
    exports = []

    class Slow(CacheFilledHere):
        def _export(self, bundle, graph, behind):
            exports.append(graph)
            time.sleep(0.2)
            graph.write_bytes(b"graph")

    entries = []
    threads = [threading.Thread(target=lambda: entries.append(Slow(tmp_path).entry(shop_bundle))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(exports) == 1
    assert len(set(entries)) == 1
    assert len(entries) == 3


def test_a_bundle_with_a_changed_byte_is_not_exported(cache, shop_bundle, shop_cache, tmp_path, command):
    bundle = another_version(shop_bundle, tmp_path / "bundle", shop_cache, 3)
    command('echo > "$8"')
    with (bundle / "weights.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(ClickPromptError, match=r"weights\.safetensors: changed since it was written"):
        cache.entry(bundle)


def test_entries_that_nobody_opened_for_long_are_deleted(cache, shop_bundle):
    old = cache.folder / "old"
    old.mkdir()
    for path in (old, cache.place(shop_bundle)):
        os.utime(path, (0, 0))
    cache.entry(shop_bundle)
    cache.prune()
    assert [path.name for path in cache.folder.iterdir()] == [cache.place(shop_bundle).name]
