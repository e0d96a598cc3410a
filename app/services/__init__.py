"""Use cases: one function per write, one transaction each."""
