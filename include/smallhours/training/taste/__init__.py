"""What does this listener like: rows, classifier, exams, the gate, and the model in use?"""
