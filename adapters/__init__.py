"""Doors for other programs: tool, sub-agent, and how a result shows itself."""
