"""Model packages and the child process that runs them."""
