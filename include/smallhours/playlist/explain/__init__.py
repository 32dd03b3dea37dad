"""Explanations: the evidence for each pick, its reason in words, and the description of a list."""
