"""A tokenizer written for tests: words and marks, with ids handed out as they are met."""

import re


class WordTokenizer:
    """Splits into words, punctuation marks and, by choice, words with the space before them."""

    prefix_ids = (1,)
    suffix_ids = (2,)
    special_ids = frozenset({0, 1, 2, 3, 9})
    mask_id = 3
    pad_id = 0
    fingerprint = "words"

    def __init__(self, pattern=r"\w+|[^\w\s]", vocab_size=1000, prefix_ids=(1,), suffix_ids=(2,)):
        self.pattern, self.vocab_size = re.compile(pattern), vocab_size
        self.prefix_ids, self.suffix_ids = prefix_ids, suffix_ids
        self.known = {}

    def encode(self, texts):
        encoded = []
        for text in texts:
            found = list(self.pattern.finditer(text))
            ids = [self.known.setdefault(match.group(), 10 + len(self.known)) for match in found]
            encoded.append((ids, [match.span() for match in found]))
        return encoded

    def words(self, ids):
        by_id = {number: word for word, number in self.known.items()}
        return [by_id[int(number)] for number in ids]
