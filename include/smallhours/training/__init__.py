"""The third stage: what the listener likes, and what tags sound like."""
