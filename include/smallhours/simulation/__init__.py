"""Simulated listeners over many nights: does the recommender learn, and does it beat simpler ones?

The whole product runs, stage by stage, against the sandbox, whose listeners go through the playlist
and react by a taste that no API tells. Each rival ranks in the same world, from the same seed.
"""
