"""Executors against real counterparts: HTTP and mail servers on this machine, real processes, real signals."""
