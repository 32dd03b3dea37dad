"""Evaluation of models by what the listener adopted after a cut in time."""
