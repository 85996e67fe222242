"""The process that holds a session's containers. Its modules import nothing but small parts of the standard library."""
