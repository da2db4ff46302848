"""Packed texts come back unchanged, and are smaller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romgen.catalog import load_errors
from romgen.pair_codes import pack, unpack
from romgen.project import Project

ascii_text = st.binary(max_size=60).map(lambda raw: bytes(1 + byte % 127 for byte in raw))


@given(texts=st.lists(ascii_text, max_size=20))
def test_every_text_comes_back(texts: list[bytes]) -> None:
    packed = pack(texts)
    assert [unpack(packed, text) for text in packed.texts] == texts


def test_the_error_texts_become_a_good_third_smaller() -> None:
    project = Project()
    errors = load_errors(project.tables / "errors", project.root)
    texts = [text.encode() for entry in errors for text in (entry.text, entry.check)]
    packed = pack(texts)
    size = sum(map(len, packed.texts)) + 2 * len(packed.pairs)
    assert size < 0.65 * sum(map(len, texts))


def test_only_ascii() -> None:
    with pytest.raises(ValueError, match="not plain ASCII"):
        pack([b"gr\xfc\xdf"])
