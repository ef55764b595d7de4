"""A local Zoho CRM v8: one process, one SQLite file, reached over HTTP only.

Run it with `python -m migrator_kit.emulator --port 0 --db FILE`. README.md in this folder says
what follows the vendor's documents and what is a choice of ours. Nothing here imports another
part of the package, so that the client and this server cannot share a mistake.
"""
