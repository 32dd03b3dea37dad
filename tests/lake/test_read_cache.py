"""The cache of files that a process has read."""

from smallhours.lake.read_cache import ReadCache


def test_content_is_kept_while_its_stamp_is_the_same() -> None:
    cache = ReadCache()
    cache.put("a", 1, b"old")
    assert cache.get("a", 1) == b"old"
    assert cache.get("a", 2) is None
    cache.put("a", 2, b"new")
    assert cache.get("a", 1) is None
    assert cache.get("a", 2) == b"new"


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = ReadCache(max_bytes=5)
    cache.put("a", 1, b"aa")
    cache.put("b", 1, b"bb")
    assert cache.get("a", 1) == b"aa"
    cache.put("c", 1, b"cc")
    assert cache.get("b", 1) is None
    assert cache.get("a", 1) == b"aa"
    assert cache.get("c", 1) == b"cc"


def test_a_file_that_is_larger_than_the_cache_is_not_kept() -> None:
    cache = ReadCache(max_bytes=5)
    cache.put("a", 1, b"123456")
    assert cache.get("a", 1) is None
    cache.put("b", 1, b"bb")
    assert cache.get("b", 1) == b"bb"
