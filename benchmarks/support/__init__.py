"""Modules that one benchmark needs beside its own file, one idea each."""
