"""A local Spotify and Last.fm over a generated world, for demos and tests; imports nothing else."""
