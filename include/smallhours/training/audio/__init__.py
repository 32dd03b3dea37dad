"""How does a track sound, told from its tags: rows, lessons, the gate, and the model in use?"""
