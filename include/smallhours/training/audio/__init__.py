"""The audio model: predicts how a track sounds from its tags."""
