"""The serverless way: tasks as TOON files, claims as refs, nothing but a git remote.

Stands on `core` and `wire` alone; a source of jobs for an agent.
"""
