"""How is it found out whether a model is any good? By what the listener did afterwards."""
