"""Scores for the candidates of a night."""
