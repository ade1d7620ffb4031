"""Django's PostgreSQL engine with a pool that survives forks, and what runs and stops the built-in server."""
