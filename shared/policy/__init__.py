"""What may be issued, as written in profiles.toml. Pure: no clock, no storage, no network."""
