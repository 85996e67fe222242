"""What an operator sees: logs, metrics, and the id that ties the lines of one request together."""
