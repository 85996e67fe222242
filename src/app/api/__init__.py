"""The service over HTTP: requests parsed, the core asked, answers and problems written."""
