"""Versions, notes and changelogs of a repository, by commitizen's rules; run where git and commitizen are installed.

Commitizen reads commits between two tags by the tags' dates, which mixes lines that are released side by side. Here a
version's commits are those since the highest lower version that it contains, and commitizen says what they mean.
"""
