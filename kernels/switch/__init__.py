"""A switch with shared buffer, marking, pause frames, trimming and several classes."""
