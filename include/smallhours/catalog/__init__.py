"""The second stages of the night: tracks, tags, audio features, neighbours and candidates."""
