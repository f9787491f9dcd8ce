"""Pulumi's own engine, driven: projects, sessions, what they show, and recovery after a kill."""
