"""Simulation of listeners over many nights, to compare the recommender with simpler baselines.

The whole product runs, stage by stage, against the sandbox, whose listeners play the playlist and
react according to a taste that no API reveals. Each baseline ranks in the same world, from the
same seed.
"""
