"""The context of the use cases, caches, single flight and write coalescing."""
