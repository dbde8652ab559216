"""The page at `/` in a real browser, beside what the server says when it is asked directly."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from headless_chromium import Chromium, chromium_here
from page_server import ask, running

pytestmark = pytest.mark.skipif(chromium_here() is None, reason="no Chromium here")

SHARED, OWN = ("user", "watched", "town"), ("item", "title", "tags", "price")
SCORES = "[...document.querySelectorAll('tbody data')].map(data => Number(data.value))"
SETTLED = "document.querySelector('#score data') && !document.querySelector('main.stale')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Chromium(chromium_here(), tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture
def page(browser: Chromium, shop: str):
    """The page, loaded; when a test is done, nothing was complained of and no other host was asked for anything."""
    browser.events.clear()
    browser.size(1280, 900)
    browser.open(f"{shop}/")
    browser.wait(SETTLED)
    yield browser
    assert browser.complaints() == []
    assert {request.split("/page/")[0].split("/v1/")[0].rstrip("/") for request in browser.requests()} == {shop}


def score(shop: str, row: dict[str, Any]) -> float:
    return ask(f"{shop}/v1/score", {"candidates": [row]})[1]["scores"][0]


def box(field: str) -> str:
    return f'[data-field="{field}"] :is(input, textarea)'


def typed(page: Chromium) -> dict[str, Any]:
    """The row that the inputs hold."""
    texts = {name: page.run(f"document.querySelector('{box(name)}').value") for name in SHARED + OWN}
    row: dict[str, Any] = {name: text for name, text in texts.items() if text}
    row["watched"] = [line for line in texts["watched"].split("\n") if line]
    row["price"] = float(texts["price"])
    return row


def shown(page: Chromium) -> float:
    page.wait(SETTLED)
    return page.run("Number(document.querySelector('#score data').value)")


def write(page: Chromium, field: str, text: str) -> None:
    """Type, and wait for what the server says to it."""
    page.write(box(field), text)
    asked(page, json.dumps(text) if field != "price" else text)
    page.wait(SETTLED)


def asked(page: Chromium, text: str) -> None:
    """Wait until what the server is asked holds a text."""
    page.wait(f"document.querySelector('#command').textContent.includes({json.dumps(text)})")


def test_score_follows_what_is_typed(page, shop):
    before = shown(page)
    assert before == pytest.approx(score(shop, typed(page)), abs=1e-6)
    assert typed(page)["watched"][0].endswith(", the")  # items with a comma stay whole
    write(page, "item", "i3")
    write(page, "price", "41.5")
    row = typed(page)
    assert (row["item"], row["price"]) == ("i3", 41.5)
    assert shown(page) == pytest.approx(score(shop, row), abs=1e-6)
    assert shown(page) != before


def test_items_are_added_to_lists_and_parted_by_lines_or_commas(page, shop):
    choice = "document.querySelector('[data-field=watched] select')"
    page.run(f"{choice}.selectedIndex = 3; {choice}.dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#command').textContent.match(/film/g).length === 3")
    page.wait(SETTLED)
    assert len(typed(page)["watched"]) == 3
    assert shown(page) == pytest.approx(score(shop, typed(page)), abs=1e-6)
    page.write(box("watched"), "film 1,film 2")
    asked(page, '"watched":["film 1","film 2"]')


def test_candidates_are_ranked_by_score(page, shop):
    page.run("document.querySelector('#add').click()")
    write(page, "item", "i5")
    write(page, "price", "17.25")
    page.run("document.querySelector('#paste').open = true")
    page.write("#pasted", "Title\tPrice\tItem\tuser")
    lines = '\n"a ""lamp"""\t3.5\ti1\tu9\nred lamp 0\t\ti0\t'
    page.run(f"document.querySelector('#pasted').value += {json.dumps(lines)}")
    page.run("document.querySelector('#paste-add').click()")
    page.wait(f"{SCORES}.length === 6")
    page.wait(SETTLED)
    assert "left out: user" in page.run("document.querySelector('#paste-note').textContent")
    rows = page.run("[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(c => c.textContent))")
    texts = [dict(zip(OWN, cells[2:6], strict=True)) for cells in rows]
    candidates = [{name: text for name, text in row.items() if text != "missing"} for row in texts]
    context = {name: value for name, value in typed(page).items() if name in SHARED}
    scores = ask(f"{shop}/v1/score", {"context": context, "candidates": candidates})[1]["scores"]
    assert {"title": 'a "lamp"', "price": "3.5", "item": "i1"} in candidates
    assert page.run(SCORES) == pytest.approx(scores, abs=1e-6)
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 3


def test_keys_alone_choose_and_remove_candidates(page):
    first, second = page.run("[...document.querySelectorAll('tbody tr')].slice(0, 2).map(r => r.cells[2].textContent)")
    page.run("document.querySelector('tbody input:checked').focus()")
    page.press("ArrowDown", 40)
    page.wait(f"document.querySelector('{box('item')}').value === '{second}'")
    page.wait(SETTLED)
    assert page.run("document.activeElement.checked")
    page.press("Tab", 9)
    page.press("Enter", 13)
    page.wait(f"{SCORES}.length === 2")
    page.wait(SETTLED)
    assert first in page.run("document.querySelector('tbody').textContent")
    assert second not in page.run("[...document.querySelectorAll('tbody tr')].map(r => r.cells[2].textContent)")
    assert page.run("document.activeElement.className") == "remove"


def test_bars_tell_what_the_score_would_be_without_a_field(page, shop):
    row = typed(page)
    bars = page.run("[...document.querySelectorAll('#bars li')].map(li => [li.dataset.field, +li.dataset.change])")
    sizes = [abs(change) for _, change in bars]
    assert sizes == sorted(sizes, reverse=True)
    assert {name for name, _ in bars} == {*SHARED, *OWN}
    for field, stranger in (("title", "never seen"), ("tags", "never seen"), ("user", "nobody")):
        assert dict(bars)[field] == pytest.approx(score(shop, row) - score(shop, {**row, field: stranger}), abs=1e-6)
    widths = page.run("[...document.querySelectorAll('#bars .bar')].map(bar => parseFloat(bar.style.width))")
    assert widths == pytest.approx([50 * size / sizes[0] for size in sizes], abs=0.01)


def test_unseen_values_and_wrong_numbers_are_marked(page, shop):
    write(page, "title", "<b>never</b> seen")
    marks = page.run("[...document.querySelectorAll('.mark')].map(p => [p.parentElement.dataset.field, p.textContent])")
    assert [mark for mark in marks if mark[1]] == [["title", "not seen in training"]]
    assert "<b>never</b> seen" in page.run("document.querySelector('#bars').textContent")
    page.write(box("price"), "1e")
    page.wait("!document.querySelector('#problem').hidden")
    assert page.run("document.querySelector('#problem').textContent") == "price: expected a number."
    assert page.run(f"document.querySelector('{box('price')}').ariaInvalid") == "true"
    write(page, "price", "12")
    assert page.run("document.querySelector('#problem').hidden")
    assert shown(page) == pytest.approx(score(shop, typed(page)), abs=1e-6)


def test_the_latest_answer_wins(page, shop):
    page.run("""(() => { const plain = window.fetch; let calls = 0; window.fetch = async (path, options) => {
      if (path === 'v1/score' && calls++ === 0) {
        const late = await plain(path, { ...options, signal: undefined });
        await new Promise(done => setTimeout(done, 300));
        window.late = true;
        return late;
      }
      return plain(path, options);
    } })()""")
    page.write(box("item"), "i1")
    asked(page, '"i1"')
    write(page, "item", "i2")
    page.wait("window.late")
    assert shown(page) == pytest.approx(score(shop, typed(page)), abs=1e-6)


def test_every_input_has_a_label_and_phones_scroll_one_way(page):
    unnamed = "[...document.querySelectorAll('input, select, textarea')].filter(e => !e.labels.length && !e.ariaLabel)"
    assert page.run(f"{unnamed}.map(e => e.outerHTML)") == []
    page.size(360, 740)
    assert page.run("document.documentElement.scrollWidth") <= 360


def test_versions_come_and_go(page, shop_models):
    before, title = shown(page), "a title that stays"
    write(page, "title", title)
    try:
        page.run("(v => { v.value = '7'; v.dispatchEvent(new Event('change')) })(document.querySelector('#version'))")
        asked(page, '"version":"7"')
        page.wait(SETTLED)
        shop_models.swap("9")
        write(page, "item", "i2")  # version 7 is gone, so the newest answers
        page.wait("document.querySelector('#about').textContent.includes('version 9')")
        page.wait(SETTLED)
        assert page.run("[...document.querySelector('#version').options].map(o => o.text)") == ["newest", "9"]
        assert typed(page)["title"] == title
        assert shown(page) != before
    finally:
        shop_models.swap("7")
    write(page, "item", "i3")
    page.wait("[...document.querySelector('#version').options].map(o => o.text).join() === 'newest,7'")
    page.forgive("status of 404")


def test_a_silent_server_is_told(page, shop):
    page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.write(box("item"), "i4")
    page.wait("!document.querySelector('#problem').hidden")
    assert "does not answer" in page.run("document.querySelector('#problem').textContent")
    page.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.forgive("ERR_INTERNET_DISCONNECTED")
    write(page, "item", "i6")
    assert page.run("document.querySelector('#problem').hidden")


def test_a_token_is_asked_for_and_not_kept(browser, shop_models):
    with running(shop_models, token="open sesame") as address:
        sign_in(browser, address)


def sign_in(browser: Chromium, address: str) -> None:
    browser.open(f"{address}/")
    browser.wait("document.querySelector('#sign-in:not([hidden])')")
    assert browser.run("document.querySelector('main').hidden")
    for token in ("wrong", "open sesame"):
        browser.write("#token", token)
        browser.run("document.querySelector('#sign-in button').click()")
        if token == "wrong":
            browser.wait("!document.querySelector('#problem').hidden")
    browser.wait(SETTLED)
    assert browser.run("document.querySelector('#sign-in').hidden && document.querySelector('#problem').hidden")
    assert browser.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert "sesame" not in browser.run("document.documentElement.outerHTML")
    assert "$CLICKPROMPT_TOKEN" in browser.run("document.querySelector('#command').textContent")


def test_only_the_page_itself_may_be_loaded(shop):
    first = ask(f"{shop}/")
    again = ask(f"{shop}/", headers={"If-None-Match": first[2]["ETag"]})
    outside, unknown = ask(f"{shop}/page/..%2Fconfig.py"), ask(f"{shop}/page/__init__.py")
    assert [first[0], again[0], outside[0], unknown[0]] == [200, 304, 404, 404]
    assert first[2]["Content-Security-Policy"].startswith("default-src 'self';")
    assert not re.search("style=|<script>|http:|https:", first[1])
