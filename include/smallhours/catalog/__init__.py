"""The second stage: identity, tags, audio features, candidates."""
