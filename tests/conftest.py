"""Fixtures of the whole run: one Azurite in memory, and fresh names for every test."""
