"""Publishing: a list is planned, written in small steps, read back and recorded."""
