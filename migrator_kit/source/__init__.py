"""Sources: read-only access to a practice's data, the snapshot, the inventory, the rules."""
