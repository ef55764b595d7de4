"""The load: provisioning, owners, the plan, the loader, and the ledger that makes it safe."""
