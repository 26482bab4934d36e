"""``pyromix evaluate`` and ``pyromix sample``: what a finished run is used for."""
