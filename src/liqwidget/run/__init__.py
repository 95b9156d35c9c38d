"""How work is executed and shown: progress bars, an event loop in a thread, worker processes."""
