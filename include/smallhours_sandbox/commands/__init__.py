"""The commands that the sandbox adds: `sandbox`, `simulate` and `demo`."""
