"""What starts a process."""
