"""What people do who operate the site: pages on top of all rooms."""
