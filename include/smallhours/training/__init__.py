"""The training stage: models of what the listener likes and of what tags sound like."""
