"""The computation of the score: configuration and evidence in, alignment out. Pure."""
