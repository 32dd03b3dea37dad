"""The places that a list can be written to: each answers the same requests, see `place`."""
