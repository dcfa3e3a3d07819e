"""The nouns: frozen pydantic values. No I/O, no SQLAlchemy, no model."""
