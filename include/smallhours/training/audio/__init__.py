"""The audio model: predicts how a track sounds from its tags."""

# The audio model in the registry.
NAME = "audio_features"
