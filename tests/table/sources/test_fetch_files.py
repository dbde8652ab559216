"""Files from a server that cuts connections, ignores ranges, changes what it has: whole, resumed, checked."""

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table.sources import fetch, resumable

CONTENT = np.random.default_rng(0).bytes(1_000_000)


class Server:
    """Serves `content` at every path; each request takes the next of `plans`, which may cut, refuse or forget."""

    def __init__(self):
        self.content, self.etag, self.plans, self.asked = CONTENT, '"one"', [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data.bin"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        asked, plan = request.headers.get("Range"), self.plans.pop(0) if self.plans else {}
        self.asked.append(asked)
        body, start = self.content, 0
        if "status" in plan:
            request.send_error(plan["status"])
            return
        same = "no_if_range" in plan or request.headers.get("If-Range") == self.etag
        if asked and same and "no_ranges" not in plan:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(body)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            place = plan.get("lies", start)
            request.send_header("Content-Range", f"bytes {place}-{len(body) - 1}/{len(body)}")
        else:
            request.send_response(200)
        if self.etag:
            request.send_header("ETag", self.etag)
        if "no_length" not in plan:
            request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        request.wfile.write(body[start : start + plan.get("cut", len(body))])


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(resumable, "refuse_plain", lambda url: None)  # loopback has no certificate
    monkeypatch.setattr(resumable, "_WAITS", (0.01,) * 3)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def get(server, progress, **options):
    return (fetch.fetch_files("data", {"data.bin": server.url}, progress, **options) / "data.bin").read_bytes()


def test_a_connection_that_is_cut_goes_on_where_it_was(server, progress):
    server.plans = [{"cut": 300_000}, {"cut": 300_000}, {"status": 503}]
    assert get(server, progress, sha256={"data.bin": hashlib.sha256(CONTENT).hexdigest()}) == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=600000-", "bytes=600000-"]
    assert sum("trying again" in line for line in progress.said) == 3
    assert get(server, progress) == CONTENT  # from the cache
    assert len(server.asked) == 4
    assert not (fetch.cache_folder() / "data.parts").exists()


def test_another_process_goes_on_where_one_gave_up(server, progress):
    server.plans = [{"cut": 400_000}, *[{"status": 503}] * 3]
    with pytest.raises(ClickPromptError, match=r"cannot be fetched \(503 .*; 400,000 bytes are kept for the next try"):
        get(server, progress)
    assert fetch.cached("data") is None
    assert get(server, progress) == CONTENT
    assert server.asked[-1] == "bytes=400000-"


@pytest.mark.parametrize("plan", [{}, {"no_if_range": True}], ids=["if-range", "a server without if-range"])
def test_a_file_that_changes_in_between_starts_anew(server, progress, plan):
    server.plans = [{"cut": 400_000}, *[{"status": 503}] * 3]
    with pytest.raises(ClickPromptError):
        get(server, progress)
    server.content, server.etag, server.plans = CONTENT[::-1] + b"more", '"two"', [plan]
    assert get(server, progress) == server.content


def test_servers_that_do_not_resume(server, progress):
    server.plans = [{"cut": 400_000}, {"no_ranges": True}]
    assert get(server, progress) == CONTENT
    server.etag, server.plans, server.asked = None, [{"cut": 400_000}], []
    fetch.fetch_files("more", {"data.bin": server.url}, progress)
    assert server.asked == [None, None]  # nothing to know the version by
    server.etag, server.plans, server.asked = '"one"', [{"cut": 400_000}, {"lies": 0}], []
    assert (fetch.fetch_files("lies", {"a": server.url}, progress) / "a").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-", None]


def test_a_file_that_was_whole_already(server, progress):
    """A server that told no length, and a process killed before it could note that all had come."""
    parts = fetch.cache_folder() / "data.parts"
    parts.mkdir(parents=True)
    (parts / "data.bin.part").write_bytes(CONTENT)
    (parts / "data.bin.part.json").write_text(json.dumps({"url": server.url, "version": '"one"', "total": None}))
    assert get(server, progress) == CONTENT
    assert server.asked == ["bytes=1000000-"]  # answered by 416


def test_what_is_refused(server, progress, monkeypatch):
    with pytest.raises(ClickPromptError, match=r"data\.bin: SHA-256 is .*, expected 0000000000000000…"):
        get(server, progress, sha256={"data.bin": "0" * 64})
    assert not list((fetch.cache_folder() / "data.parts").glob("data*"))  # a wrong file is not gone on with
    server.plans = [{"status": 404}]
    with pytest.raises(ClickPromptError, match=r"cannot be fetched \(404 Not Found\)$"):
        get(server, progress)
    monkeypatch.setattr(fetch, "_LARGEST_STREAMED", 999_999)
    with pytest.raises(ClickPromptError, match="1,000,000 bytes, larger than any known release"):
        get(server, progress)
    server.plans = [{"no_length": True}]
    with pytest.raises(ClickPromptError, match="larger than any known release"):
        get(server, progress)
    with pytest.raises(ValueError, match="plain file names"):
        fetch.fetch_files("data", {"../data.bin": server.url}, progress)


def test_a_full_disk_is_told_before_anything_comes(server, progress, monkeypatch):
    free = type("Usage", (), {"free": 999_999})
    monkeypatch.setattr(resumable.shutil, "disk_usage", lambda folder: free)
    with pytest.raises(ClickPromptError, match=r"no room for .*1,000,000 bytes are to come and 999,999 are free"):
        get(server, progress)


def test_a_server_that_is_not_there_is_told_at_once(server, progress, monkeypatch):
    monkeypatch.setattr(resumable, "_WAITS", (60.0,))
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(ClickPromptError, match=r"cannot be fetched .*refused"):
        get(server, progress)


def test_a_gzip_file_is_looked_into_before_it_is_kept(server, progress):
    whole = gzip.compress(b"one\n") + gzip.compress(b"two\n")  # two members
    for broken in (whole[:-1], whole[:-6] + b"xxxxxx", b"<html>moved</html>"):
        server.content = broken
        with pytest.raises(ClickPromptError, match="not a whole gzip file"):
            fetch.fetch_files("data", {"a.json.gz": server.url}, progress)
    server.content = whole
    assert (fetch.fetch_files("data", {"a.json.gz": server.url}, progress) / "a.json.gz").read_bytes() == whole


def test_files_that_came_are_kept_while_others_are_fetched(server, progress):
    urls = {"a": server.url, "b": server.url}
    server.plans = [{}, {"status": 404}]
    with pytest.raises(ClickPromptError, match="404"):
        fetch.fetch_files("data", urls, progress)
    folder = fetch.fetch_files("data", urls, progress)
    assert len(server.asked) == 3
    assert sorted(file.name for file in folder.iterdir()) == ["a", "b", "cache.json"]


def test_a_cached_file_that_changes_is_noticed_and_fetched_anew(server, progress):
    get(server, progress)
    file = fetch.cache_folder() / "data" / "data.bin"
    file.write_bytes(bytes(len(CONTENT)))
    assert fetch.cached("data") is None
    assert get(server, progress) == CONTENT
    assert len(server.asked) == 2
