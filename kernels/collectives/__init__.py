"""One file per algorithm: who sends what to whom at a step, and whether one expects."""
