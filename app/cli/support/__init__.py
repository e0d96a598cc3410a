"""Terminal output, files, connections and logging of the commands."""
