"""The map from source columns to Zoho fields: the tool proposes, a person confirms."""
