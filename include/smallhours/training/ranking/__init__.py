"""The ranking: signals of each candidate, and the weights with which they are fused."""
