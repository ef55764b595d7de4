"""The way without the API: files for Zoho's Data Migration wizard, checked by the org's export."""
