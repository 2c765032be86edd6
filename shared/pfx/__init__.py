"""Everything that ends as a PFX (RFC 7292): keys that are made here, sealed to a device, and delivered."""
