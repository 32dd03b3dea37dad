"""Clients of the outside services: Last.fm, Spotify, ReccoBeats and AcousticBrainz."""
