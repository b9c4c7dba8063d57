"""Contexts, profiles and secrets: checked once, at the door. Inside there are only validated, frozen values."""
