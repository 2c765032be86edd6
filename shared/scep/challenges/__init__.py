"""The challenges that Scepter itself decides on: sealed ones, which it mints, and static ones."""
