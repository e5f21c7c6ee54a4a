"""Detector, tracker, and the engine that decides what to compute next."""
