"""Which signals speak for a track, and how much does each count for this listener?"""
