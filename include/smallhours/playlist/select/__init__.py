"""Re-ranking: from the best tracks to the best list (caps, diversity, calibration, exploration)."""
