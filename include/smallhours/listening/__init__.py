"""The first stage: plays, library and feedback."""
