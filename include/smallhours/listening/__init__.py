"""The first stages of the night: plays, library and feedback."""
