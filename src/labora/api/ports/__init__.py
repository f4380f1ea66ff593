"""Web apps that run in runtimes, reached through the server: labels, tickets and the reverse proxy."""
