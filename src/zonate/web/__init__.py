"""The viewer in a browser: a page, what it shows of a case, and the server of this machine alone."""
