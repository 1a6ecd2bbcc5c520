"""From a specification to a wired network."""
