"""From the best tracks to the best list: what a list needs beyond good tracks."""
