"""The playlists of a night: scoring, choice, order and reasons of the tracks, and publishing."""
