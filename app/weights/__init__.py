"""Weights on this machine and elsewhere: which there are, where they are kept, and how they are fetched."""
