"""Production extensions: what a cluster needs beside its core to be run for real."""
