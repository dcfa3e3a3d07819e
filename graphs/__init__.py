"""The way: a LangGraph state machine through the five steps and their failure branches."""
