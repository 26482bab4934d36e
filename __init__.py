"""pyromix: deep mixture models (clustering variational autoencoders) in Pyro."""

__version__ = "0.2.0"
