"""The shipped fake is learnable and the same for the same seed."""

import numpy as np

from clickprompt.testing.tables import write_tiny_clicks


def test_same_seed_same_bytes(tmp_path):
    one, two = write_tiny_clicks(tmp_path / "a"), write_tiny_clicks(tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()
    assert write_tiny_clicks(tmp_path / "c", seed=1).read_bytes() != one.read_bytes()
    assert len(write_tiny_clicks(tmp_path / "d", rows=50).read_text().splitlines()) == 51


def test_words_of_the_title_decide_part_of_the_label(tmp_path):
    lines = [line.split(",") for line in write_tiny_clicks(tmp_path, rows=2000).read_text().splitlines()[1:]]
    good = np.array([line[3].split()[0] in ("brilliant", "gentle", "golden") for line in lines])
    clicked = np.array([int(line[-1]) for line in lines])
    assert clicked[good].mean() > clicked[~good].mean() + 0.25
    assert 0.2 < clicked.mean() < 0.8
